#include "protocol/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace jac::cloud {
namespace {

// The bytes UTF-8's bit pattern gives for a number, whether or not it may be written so.
std::string encoded(std::uint32_t code, int length) {
    if (length == 1) return {static_cast<char>(code)};
    std::string bytes;
    for (int i = length - 1; i > 0; --i) {
        bytes.insert(bytes.begin(), static_cast<char>(0x80U | (code & 0x3F)));
        code >>= 6;
    }
    const unsigned lead = 0xFFU << (8 - length) & 0xFF;
    bytes.insert(bytes.begin(), static_cast<char>(lead | code));
    return bytes;
}

int shortest(std::uint32_t code) {
    return code < 0x80 ? 1 : (code < 0x800 ? 2 : (code < 0x10000 ? 3 : 4));
}

TEST(Utf8, AcceptsEveryCodePointAndNoSurrogate) {
    for (std::uint32_t code = 0; code <= 0x10FFFF; ++code) {
        const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        ASSERT_EQ(is_utf8(encoded(code, shortest(code))), !surrogate) << std::hex << code;
    }
}

TEST(Utf8, RefusesEveryOverlongForm) {
    for (std::uint32_t code = 0; code < 0x10000; ++code) {
        for (int length = shortest(code) + 1; length <= 4; ++length) {
            ASSERT_FALSE(is_utf8(encoded(code, length))) << std::hex << code << " in " << length;
        }
    }
}

TEST(Utf8, RefusesWhatLiesPastTheLastCodePoint) {
    EXPECT_FALSE(is_utf8(encoded(0x110000, 4)));
    EXPECT_FALSE(is_utf8(encoded(0x1FFFFF, 4)));
    EXPECT_FALSE(is_utf8("\xF5\x80\x80\x80"));
    EXPECT_FALSE(is_utf8("\xF8\x88\x80\x80\x80"));
    EXPECT_FALSE(is_utf8("\xFC\x84\x80\x80\x80\x80"));
    EXPECT_FALSE(is_utf8("\xFE"));
    EXPECT_FALSE(is_utf8("\xFF"));
}

TEST(Utf8, RefusesStrayAndMissingContinuations) {
    EXPECT_FALSE(is_utf8("\x80"));
    EXPECT_FALSE(is_utf8("a\xBFz"));
    EXPECT_FALSE(is_utf8("\xC3"));
    EXPECT_FALSE(is_utf8("\xC3z"));
    EXPECT_FALSE(is_utf8("\xE2\x82"));
    EXPECT_FALSE(is_utf8("\xE2\x82z"));
    EXPECT_FALSE(is_utf8("\xF0\x9F\x98"));
    EXPECT_FALSE(is_utf8("\xF0\x9F\x98\xC3\xA9"));
}

TEST(Utf8, AcceptsEmptyTextAndZeroBytes) {
    EXPECT_TRUE(is_utf8(""));
    EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
}

TEST(Utf8, FindsABadByteAtEveryPlaceOfLongText) {
    for (std::size_t length = 1; length <= 40; ++length) {
        for (std::size_t bad = 0; bad < length; ++bad) {
            std::string text(length, 'x');
            text[bad] = '\xFF';
            ASSERT_FALSE(is_utf8(text)) << bad << " of " << length;
        }
    }
}

TEST(Utf8, GivesTheSameVerdictHoweverTextIsCut) {
    const std::string text =
        "caf\xC3\xA9 12345678 \xE2\x82\xAC\xED\x9F\xBF \xF0\x9F\x98\x80\xF4\x8F\xBF\xBF end";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        Utf8Validator validator;
        ASSERT_TRUE(validator.feed(std::string_view(text).substr(0, cut)));
        ASSERT_TRUE(validator.feed(std::string_view(text).substr(cut)));
        ASSERT_TRUE(validator.complete());
    }
    Utf8Validator validator;
    for (const char byte : text) ASSERT_TRUE(validator.feed({&byte, 1}));
    EXPECT_TRUE(validator.complete());
}

TEST(Utf8, SaysNoAtTheFirstByteThatCannotBeRight) {
    for (const std::string bad : {"\xED\xA0", "\xE0\x80", "\xF0\x80", "\xF4\x90"}) {
        Utf8Validator validator;
        EXPECT_TRUE(validator.feed(bad.substr(0, 1)));
        EXPECT_FALSE(validator.feed(bad.substr(1)));
    }
    for (const std::string bad : {"\xC0", "\xC1", "\xF5", "\x80"}) {
        Utf8Validator validator;
        EXPECT_FALSE(validator.feed(bad));
    }
}

TEST(Utf8, IsIncompleteInsideACodePointAndStartsOverWhenReset) {
    Utf8Validator validator;
    EXPECT_TRUE(validator.complete());
    EXPECT_TRUE(validator.feed("\xF0\x9F\x98"));
    EXPECT_FALSE(validator.complete());
    validator.reset();
    EXPECT_TRUE(validator.complete());
    EXPECT_TRUE(validator.feed("a"));
    EXPECT_FALSE(validator.feed("\x80"));
}

}  // namespace
}  // namespace jac::cloud
