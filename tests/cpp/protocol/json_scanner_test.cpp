#include "protocol/json_scanner.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "protocol/utf8.hpp"
#include "seeded_random.hpp"

namespace jac::cloud {
namespace {

using namespace std::string_literals;

constexpr unsigned depth_limit = 64;

bool is_json(std::string_view text, unsigned max_depth = depth_limit) {
    JsonDocument document;
    return scan_json(text, max_depth, document);
}

std::string nested(std::string_view open, std::string_view inside, std::string_view close,
                   std::size_t levels) {
    std::string text;
    for (std::size_t i = 0; i < levels; ++i) text += open;
    text += inside;
    for (std::size_t i = 0; i < levels; ++i) text += close;
    return text;
}

const std::vector<std::string> valid_texts{
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "0.5",
    "-0.0",
    "1e5",
    "1E+5",
    "1e-05",
    "0e0",
    "1.10",
    "123456789012345678901234567890123456789012345678901234567890",
    "1E400",
    "-1e-400",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "-9223372036854775809",
    "\"\"",
    "\"a\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0000\"",
    "\"\\u00e9\\uABCD\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\uDBFF\\uDFFF\"",
    "\"caf\xC3\xA9\"",
    "\"\x7F\"",
    "\"//\"",
    "\"/* */\"",
    "[]",
    "[ ]",
    "[1]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[[],[[]],{}]",
    "[null,true,false,\"\",0,{}]",
    "{}",
    "{ }",
    "{\"\":0}",
    "{\"a\":1}",
    "{ \"a\" : 1 , \"b\" : [ ] }",
    "{\"a\":1,\"a\":2}",
    "{\"a\":{\"b\":{\"c\":[]}}}",
    " \t\r\n1 \t\r\n",
    "\n{\n\"a\"\n:\n1\n}\n",
};

const std::vector<std::string> invalid_texts{
    "",
    " ",
    "nul",
    "nulll",
    "True",
    "NULL",
    "NaN",
    "-NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "inf",
    "undefined",
    "+1",
    "-",
    "--1",
    "01",
    "-01",
    "00",
    ".5",
    "5.",
    "1.e5",
    "1e",
    "1e+",
    "1E-",
    "1.5.5",
    "0x10",
    "1_000",
    "1a",
    "- 1",
    "1 2",
    "{}{}",
    "[][]",
    "{} x",
    "[],",
    ",",
    ":",
    "1,",
    "tru",
    "t",
    "\"",
    "\"a",
    "a\"",
    "'a'",
    "\"\\\"",
    "\"\\a\"",
    "\"\\x41\"",
    "\"\\'\"",
    "\"\\u\"",
    "\"\\u12\"",
    "\"\\u12G4\"",
    "\"\\U0041\"",
    "\"\\",
    "\"\\u123",
    "\"\t\"",
    "\"\n\"",
    "\"\x01\"",
    "\"a\0b\""s,
    "\"\\uD800\"",
    "\"\\uDC00\"",
    "\"\\uD800x\"",
    "\"\\uD800\\n\"",
    "\"\\uD800\\u0041\"",
    "\"\\uD800\\uD800\"",
    "\"\\uDC00\\uD800\"",
    "\"\\uD83D\\uDE0\"",
    "\"\\uD83D\\",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1,,2]",
    "[1;2]",
    "[}",
    "[\"a\",\n4\n,1,",
    "{",
    "}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{\"a\"}",
    "{\"a\" 1}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{null:1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\"::1}",
    "{\"a\":1]",
    "{\"a\",1}",
    "{\"a\":NaN}",
    "[Infinity]",
    "// c\n1",
    "1 // c",
    "/* c */ 1",
    "{/**/}",
    "[1]#",
    "\xEF\xBB\xBF{}",
    "\xEF\xBB\xBF",
    "\xFF",
    "\v1",
    "\f1",
    "1\0"s,
    "\0"s,
    "\xC2\xA0"
    "1",
    "{\"a\":\"b\"\0}"s,
    "[\"\\u00A\"]",
};

TEST(JsonScanner, AcceptsWhatIsJson) {
    for (const auto& text : valid_texts) EXPECT_TRUE(is_json(text)) << text;
}

TEST(JsonScanner, RefusesWhatIsNotJson) {
    for (const auto& text : invalid_texts) EXPECT_FALSE(is_json(text)) << text;
}

// Where nlohmann's reader differs on purpose: it skips a byte order mark and ends at a zero byte,
// refuses numbers that no double can hold, and checks the encoding, which here is the caller's to
// do.
bool agreed_upon(std::string_view text) {
    return !text.starts_with("\xEF\xBB\xBF") && !text.ends_with('\0') && is_utf8(text) &&
           text.find_first_of("eE") == std::string_view::npos;
}

TEST(JsonScanner, JudgesEveryByteOfAStringWhereverItStands) {
    for (int byte = 0; byte < 256; ++byte) {
        for (std::size_t place = 0; place < 20; ++place) {
            std::string inside(20, '\x7f');
            inside[place] = static_cast<char>(byte);
            // A quote ends the string early; a backslash is followed by what it cannot escape.
            const bool fits = byte >= 0x20 && byte != '"' && byte != '\\';
            EXPECT_EQ(is_json('"' + inside + '"'), fits) << byte << " at " << place;
            if (byte != '"') {
                EXPECT_FALSE(is_json('"' + inside)) << byte << " at " << place;
            }
        }
    }
}

TEST(JsonScanner, AgreesWithAnotherReaderOnTheCorpus) {
    for (const auto* corpus : {&valid_texts, &invalid_texts}) {
        for (const auto& text : *corpus) {
            if (!agreed_upon(text)) continue;
            EXPECT_EQ(is_json(text), nlohmann::json::accept(text)) << text;
        }
    }
}

TEST(JsonScanner, AgreesWithAnotherReaderOnDamagedTexts) {
    SeededRandom random(20240501);
    constexpr std::string_view letters = "{}[]\",:\\u0123456789abcdftruelns-+. \n\t\x01";
    const auto below = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    for (int round = 0; round < 20000; ++round) {
        std::string text = valid_texts[below(valid_texts.size())];
        if (below(2) == 0) text = "[" + text + "," + valid_texts[below(valid_texts.size())] + "]";
        for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
            const auto at = below(text.size() + 1);
            const char letter = letters[below(letters.size())];
            switch (below(3)) {
                case 0:
                    text.insert(at, 1, letter);
                    break;
                case 1:
                    text.erase(at, 1);
                    break;
                default:
                    if (at < text.size()) text[at] = letter;
            }
        }
        if (!agreed_upon(text)) continue;
        ASSERT_EQ(is_json(text), nlohmann::json::accept(text)) << text;
    }
}

TEST(JsonScanner, CountsEachObjectAndArrayAsALevel) {
    for (const unsigned limit : {2U, 64U, 512U}) {
        EXPECT_TRUE(is_json(nested("[", "", "]", limit), limit));
        EXPECT_FALSE(is_json(nested("[", "", "]", limit + 1), limit));
        EXPECT_TRUE(is_json(nested("{\"a\":", "1", "}", limit), limit));
        EXPECT_FALSE(is_json(nested("{\"a\":", "1", "}", limit + 1), limit));
        EXPECT_TRUE(is_json(nested("[{\"a\":", "1", "}]", limit / 2), limit));
        EXPECT_FALSE(is_json(nested("[{\"a\":", "{}", "}]", limit / 2), limit));
    }
    EXPECT_TRUE(is_json("[" + nested("[", "", "]", 63) + "," + nested("[", "", "]", 63) + "]"));
}

TEST(JsonScanner, RefusesAMegabyteOfBracketsAtTheLimit) {
    const std::size_t million = 1 << 20;
    EXPECT_FALSE(is_json(std::string(million, '[')));
    EXPECT_FALSE(is_json(nested("{\"a\":", "", "", million / 5)));
    EXPECT_FALSE(is_json(nested("[", "", "]", 100'000)));
}

TEST(JsonScanner, FindsTheRootsMembersByteForByte) {
    JsonDocument document;
    const std::string text =
        R"( { "a" : { "x":1.10,  "y":[ 1 ] } ,"b\u0063":"q\n", "n":-0.0e-5, "t":true,"z":null,"l":[1, 2] } )";
    ASSERT_TRUE(scan_json(text, depth_limit, document));
    EXPECT_EQ(document.root.kind, JsonKind::object);
    EXPECT_EQ(document.root.text, std::string_view(text).substr(1, text.size() - 2));
    ASSERT_EQ(document.members.size(), 6U);
    const std::vector<std::tuple<std::string_view, JsonKind, std::string_view>> expected{
        {R"("a")", JsonKind::object, R"({ "x":1.10,  "y":[ 1 ] })"},
        {R"("b\u0063")", JsonKind::string, R"("q\n")"},
        {R"("n")", JsonKind::number, "-0.0e-5"},
        {R"("t")", JsonKind::boolean, "true"},
        {R"("z")", JsonKind::null, "null"},
        {R"("l")", JsonKind::array, "[1, 2]"}};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto& [key, kind, value] = expected[i];
        EXPECT_EQ(document.members[i].key, key);
        EXPECT_EQ(document.members[i].value.kind, kind);
        EXPECT_EQ(document.members[i].value.text, value);
    }
}

TEST(JsonScanner, KeepsNoMembersOfTheTextBefore) {
    JsonDocument document;
    ASSERT_TRUE(scan_json(R"({"a":1,"b":2})", depth_limit, document));
    ASSERT_TRUE(scan_json("[{\"c\":3}]", depth_limit, document));
    EXPECT_EQ(document.root.kind, JsonKind::array);
    EXPECT_TRUE(document.members.empty());
}

TEST(JsonArray, SplitsIntoItsElements) {
    std::vector<JsonValue> elements;
    split_json_array(R"([ "a" ,1.50,[2, 3] ,{"x":[]},null])", elements);
    ASSERT_EQ(elements.size(), 5U);
    EXPECT_EQ(elements[0].text, R"("a")");
    EXPECT_EQ(elements[1].text, "1.50");
    EXPECT_EQ(elements[2].text, "[2, 3]");
    EXPECT_EQ(elements[3].kind, JsonKind::object);
    EXPECT_EQ(elements[4].kind, JsonKind::null);
    elements.clear();
    split_json_array("[ ]", elements);
    EXPECT_TRUE(elements.empty());
}

TEST(JsonString, IsUnescapedAsAnotherReaderDoes) {
    for (const auto& text : valid_texts) {
        if (!text.starts_with('"')) continue;
        EXPECT_EQ(unescape_json(text), nlohmann::json::parse(text).get<std::string>()) << text;
    }
    for (unsigned code = 0; code <= 0xFFFF; ++code) {
        if (code >= 0xD800 && code <= 0xDFFF) continue;
        const auto quoted = fmt::format("\"a\\u{:04X}z\"", code);
        ASSERT_EQ(unescape_json(quoted), nlohmann::json::parse(quoted).get<std::string>())
            << quoted;
    }
    EXPECT_EQ(unescape_json(R"("\ud800\udc00")"), "\xF0\x90\x80\x80");
    EXPECT_EQ(unescape_json(R"("\uDBFF\uDFFF")"), "\xF4\x8F\xBF\xBF");
}

TEST(JsonString, IsPlainOnlyWhenNothingInItIsEscaped) {
    EXPECT_EQ(plain_json_string(R"("abc")"), "abc");
    EXPECT_EQ(plain_json_string(R"("")"), "");
    EXPECT_EQ(plain_json_string(R"("a\u0062c")"), std::nullopt);
    EXPECT_EQ(plain_json_string(R"("\\")"), std::nullopt);
}

TEST(JsonString, SurvivesBeingWrittenAndReadAgain) {
    for (unsigned byte = 0; byte < 0x80; ++byte) {
        const std::string text = "a"s + static_cast<char>(byte) + "z";
        std::string quoted = ">";
        append_json_string(quoted, text);
        ASSERT_EQ(quoted[0], '>');
        ASSERT_TRUE(is_json(quoted.substr(1))) << byte;
        ASSERT_EQ(unescape_json(quoted.substr(1)), text);
    }
    std::string quoted;
    append_json_string(quoted, "caf\xC3\xA9 \xF0\x9F\x98\x80");
    EXPECT_EQ(unescape_json(quoted), "caf\xC3\xA9 \xF0\x9F\x98\x80");
}

TEST(JsonString, ReplacesBytesThatAreNotUtf8) {
    std::string quoted;
    append_json_string(quoted, "a\xFFz");
    EXPECT_TRUE(is_utf8(quoted));
    EXPECT_EQ(unescape_json(quoted), "a\xEF\xBF\xBDz");
}

TEST(Infinity, MayBeHeldByWhatNoDoubleHolds) {
    for (const std::string_view text :
         {"1e309", "[1E+400]", "-1e999", R"({"a": 1e0400})", "NaN", "-Infinity", R"("1e309")"}) {
        EXPECT_TRUE(may_hold_infinity(text)) << text;
    }
    EXPECT_TRUE(may_hold_infinity(std::string(309, '9')));
    EXPECT_TRUE(may_hold_infinity("1" + std::string(300, '0') + "e99"));
}

TEST(Infinity, IsNotHeldByWhatIsRead) {
    for (const std::string_view text : {"", "{}", "1e99", "[1, 2e+5, 1234567890123]", "1.5e-300",
                                        R"({"e": 100, "N": "In"})", "12e34,567", R"("e", 1000)"}) {
        EXPECT_FALSE(may_hold_infinity(text)) << text;
    }
    EXPECT_FALSE(may_hold_infinity(std::string(199, '9') + "e99"));
    EXPECT_TRUE(std::isfinite(std::stod(std::string(199, '9') + "e99")));
}

}  // namespace
}  // namespace jac::cloud
