#include "protocol/frame_parser.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "frames.hpp"
#include "seeded_random.hpp"

namespace jac::cloud {
namespace {

using namespace std::string_literals;

// What a parser found, one line each: "text:hello", "ping:x", "close:1000".
class Findings final : public FrameHandler {
  public:
    void on_message(Opcode opcode, std::string_view payload) override {
        add(opcode == Opcode::text ? "text:" : "binary:", payload);
    }
    void on_ping(std::string_view payload) override { add("ping:", payload); }
    void on_pong(std::string_view payload) override { add("pong:", payload); }
    void on_close(CloseCode code) override {
        add("close:", std::to_string(static_cast<unsigned>(code)));
    }

    std::vector<std::string> lines;
    std::function<void()> after_each = [] {};

  private:
    void add(std::string line, std::string_view payload) {
        line += payload;
        lines.push_back(line);
        after_each();
    }
};

using Lines = std::vector<std::string>;

struct Outcome {
    Lines lines;
    std::optional<CloseCode> violation;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

constexpr std::size_t message_limit = 1000;

// Feeds in pieces of the given size (0: all at once), each in memory of its own, so that a
// sanitizer sees a step past its end.
Outcome parse(std::string_view stream, std::size_t piece = 0, std::size_t limit = message_limit) {
    FrameParser parser(limit);
    Findings findings;
    Outcome outcome;
    if (piece == 0) piece = stream.size();
    while (!stream.empty() && !outcome.violation) {
        std::vector<char> bytes(
            stream.begin(),
            stream.begin() + static_cast<std::ptrdiff_t>(std::min(piece, stream.size())));
        stream.remove_prefix(bytes.size());
        outcome.violation = parser.feed(bytes, findings);
    }
    outcome.lines = findings.lines;
    return outcome;
}

// Whole and byte by byte must agree: the outcome of both.
Outcome outcome_of(std::string_view stream, std::size_t limit = message_limit) {
    auto whole = parse(stream, 0, limit);
    EXPECT_EQ(whole, parse(stream, 1, limit));
    return whole;
}

std::optional<CloseCode> violation_of(std::string_view stream) {
    return outcome_of(stream).violation;
}

std::string fragment(unsigned opcode, std::string_view payload, bool final = false) {
    return ClientFrame{.opcode = opcode, .payload = std::string(payload), .final = final}.bytes();
}

TEST(FrameParser, ReadsTheExampleOfTheRfc) {
    EXPECT_EQ(outcome_of("\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58"),
              (Outcome{{"text:Hello"}, {}}));
}

TEST(FrameParser, ReadsTextAndBinaryOfEveryLengthEncoding) {
    for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 125U, 126U, 127U, 1000U}) {
        const std::string payload(size, 'x');
        EXPECT_EQ(outcome_of(text_frame(payload)).lines, Lines{"text:" + payload});
        EXPECT_EQ(outcome_of(fragment(2, payload, true)).lines, Lines{"binary:" + payload});
    }
    for (const std::size_t size : {65535U, 65536U, 70000U}) {
        const std::string payload(size, 'x');
        EXPECT_EQ(parse(text_frame(payload), 1000, 100'000).lines, Lines{"text:" + payload});
    }
}

TEST(FrameParser, UnmasksAtEveryOffsetAndCut) {
    std::string payload;
    for (int i = 0; i < 41; ++i) payload += static_cast<char>(i * 7);
    const auto stream =
        ClientFrame{.opcode = 2, .payload = payload, .mask = {1, 2, 0xFE, 0xFF}}.bytes();
    for (std::size_t cut = 1; cut < stream.size(); ++cut) {
        FrameParser parser(message_limit);
        Findings findings;
        std::vector<char> first(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(cut));
        std::vector<char> second(stream.begin() + static_cast<std::ptrdiff_t>(cut), stream.end());
        ASSERT_EQ(parser.feed(first, findings), std::nullopt);
        ASSERT_EQ(parser.feed(second, findings), std::nullopt);
        ASSERT_EQ(findings.lines, Lines{"binary:" + payload}) << cut;
    }
    for (std::size_t piece = 1; piece < 20; ++piece) {
        ASSERT_EQ(parse(stream, piece).lines, Lines{"binary:" + payload}) << piece;
    }
}

TEST(FrameParser, JoinsFragmentsWithControlFramesBetween) {
    const auto stream = fragment(1, "He") + fragment(9, "1", true) + fragment(0, "") +
                        fragment(10, "2", true) + fragment(0, "ll") + fragment(9, "", true) +
                        fragment(0, "o", true) + text_frame("next");
    EXPECT_EQ(outcome_of(stream),
              (Outcome{{"ping:1", "pong:2", "ping:", "text:Hello", "text:next"}, {}}));
}

TEST(FrameParser, JoinsFragmentsThatAreAllEmptyButTheLast) {
    EXPECT_EQ(outcome_of(fragment(1, "") + fragment(0, "") + fragment(0, "end", true)).lines,
              Lines{"text:end"});
    EXPECT_EQ(outcome_of(fragment(2, "") + fragment(0, "", true)).lines, Lines{"binary:"});
}

TEST(FrameParser, TakesAHundredThousandEmptyFragments) {
    std::string stream = fragment(1, "a");
    for (int i = 0; i < 100'000; ++i) stream += fragment(0, "");
    stream += fragment(0, "z", true);
    EXPECT_EQ(parse(stream, 4096), (Outcome{{"text:az"}, {}}));
}

TEST(FrameParser, RefusesFramesThatAreNotMasked) {
    EXPECT_EQ(violation_of(ClientFrame{.payload = "hi", .masked = false}.bytes()),
              CloseCode::protocol_error);
    EXPECT_EQ(violation_of(ClientFrame{.opcode = 9, .masked = false}.bytes()),
              CloseCode::protocol_error);
}

TEST(FrameParser, RefusesReservedBits) {
    for (unsigned bits = 1; bits < 8; ++bits) {
        for (const unsigned opcode : {1U, 2U, 8U, 9U, 10U}) {
            EXPECT_EQ(violation_of(ClientFrame{.opcode = opcode, .reserved = bits}.bytes()),
                      CloseCode::protocol_error);
        }
    }
}

TEST(FrameParser, RefusesReservedOpcodes) {
    for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
        EXPECT_EQ(violation_of(ClientFrame{.opcode = opcode, .payload = "x"}.bytes()),
                  CloseCode::protocol_error);
    }
}

TEST(FrameParser, RefusesControlFramesThatAreLongOrFragmented) {
    for (const unsigned opcode : {8U, 9U, 10U}) {
        const std::string longest(125, 'x');
        if (opcode != 8) {
            EXPECT_EQ(violation_of(fragment(opcode, longest, true)), std::nullopt);
        }
        EXPECT_EQ(violation_of(fragment(opcode, longest + "x", true)), CloseCode::protocol_error);
        EXPECT_EQ(violation_of(fragment(opcode, "", false)), CloseCode::protocol_error);
    }
}

TEST(FrameParser, RefusesLengthsThatAreNotTheShortest) {
    EXPECT_EQ(
        violation_of(ClientFrame{.payload = std::string(125, 'x'), .length_bytes = 2}.bytes()),
        CloseCode::protocol_error);
    EXPECT_EQ(violation_of(ClientFrame{.payload = "", .length_bytes = 2}.bytes()),
              CloseCode::protocol_error);
    EXPECT_EQ(
        violation_of(ClientFrame{.payload = std::string(126, 'x'), .length_bytes = 2}.bytes()),
        std::nullopt);
    EXPECT_EQ(parse(ClientFrame{.payload = std::string(65535, 'x'), .length_bytes = 8}.bytes(), 0,
                    100'000)
                  .violation,
              CloseCode::protocol_error);
    EXPECT_EQ(parse(ClientFrame{.payload = std::string(65536, 'x'), .length_bytes = 8}.bytes(), 0,
                    100'000)
                  .violation,
              std::nullopt);
    EXPECT_EQ(violation_of(ClientFrame{.opcode = 9, .payload = "x", .length_bytes = 8}.bytes()),
              CloseCode::protocol_error);
}

TEST(FrameParser, RefusesHugeLengthsFromTheHeaderAlone) {
    const auto header = [](std::uint64_t length) {
        std::string bytes = "\x82\xFF";
        for (int i = 7; i >= 0; --i) bytes += static_cast<char>(length >> (8 * i) & 0xFF);
        return bytes + "mask";
    };
    EXPECT_EQ(violation_of(header(1ULL << 63)), CloseCode::protocol_error);
    EXPECT_EQ(violation_of(header(~0ULL)), CloseCode::protocol_error);
    EXPECT_EQ(violation_of(header(1ULL << 62)), CloseCode::message_too_big);
    EXPECT_EQ(violation_of(header((1ULL << 63) - 1)), CloseCode::message_too_big);
    // A fragment that would make the sum run over.
    const auto second = "\x80"s + header((1ULL << 63) - 1).substr(1);
    EXPECT_EQ(violation_of(fragment(2, "abc") + second), CloseCode::message_too_big);
}

TEST(FrameParser, TakesMessagesUpToTheLimitPlainAndFragmented) {
    for (const std::size_t size : {message_limit - 1, message_limit}) {
        const std::string payload(size, 'x');
        EXPECT_EQ(outcome_of(text_frame(payload)), (Outcome{{"text:" + payload}, {}}));
        const auto pieces = fragment(1, payload.substr(0, 400)) +
                            fragment(0, payload.substr(400, 400)) +
                            fragment(0, payload.substr(800), true);
        EXPECT_EQ(outcome_of(pieces), (Outcome{{"text:" + payload}, {}}));
        EXPECT_EQ(outcome_of(fragment(1, payload) + fragment(0, "", true)).lines,
                  Lines{"text:" + payload});
    }
    const std::string payload(message_limit + 1, 'x');
    EXPECT_EQ(outcome_of(text_frame(payload)), (Outcome{{}, CloseCode::message_too_big}));
    EXPECT_EQ(violation_of(fragment(1, payload)), CloseCode::message_too_big);
    EXPECT_EQ(violation_of(fragment(1, payload.substr(1)) + fragment(0, "x", true)),
              CloseCode::message_too_big);
    EXPECT_EQ(violation_of(fragment(1, "x") + fragment(0, payload.substr(1), true)),
              CloseCode::message_too_big);
}

TEST(FrameParser, CountsEachMessageByItselfAndControlFramesNotAtAll) {
    const std::string payload(message_limit, 'x');
    const auto stream = fragment(1, payload.substr(10)) + fragment(9, std::string(125, 'p'), true) +
                        fragment(0, payload.substr(0, 10), true) + text_frame(payload) +
                        text_frame(payload);
    EXPECT_EQ(outcome_of(stream).violation, std::nullopt);
    EXPECT_EQ(outcome_of(stream).lines.size(), 4U);
}

TEST(FrameParser, RefusesContinuationsOfNothingAndMessagesInsideMessages) {
    EXPECT_EQ(violation_of(fragment(0, "x", true)), CloseCode::protocol_error);
    EXPECT_EQ(violation_of(fragment(0, "x", false)), CloseCode::protocol_error);
    EXPECT_EQ(violation_of(text_frame("a") + fragment(0, "x", true)), CloseCode::protocol_error);
    EXPECT_EQ(violation_of(fragment(1, "a") + text_frame("b")), CloseCode::protocol_error);
    EXPECT_EQ(violation_of(fragment(1, "a") + fragment(2, "b")), CloseCode::protocol_error);
}

TEST(FrameParser, RefusesTextThatIsNotUtf8) {
    for (const std::string& bad :
         {"\xFF"s, "a\xC0\xAF"s, "\xED\xA0\x80"s, "\xF4\x90\x80\x80"s, "caf\xC3"s, "\xC3z"s}) {
        EXPECT_EQ(outcome_of(text_frame(bad)), (Outcome{{}, CloseCode::invalid_payload})) << bad;
        EXPECT_EQ(violation_of(fragment(2, bad, true)), std::nullopt);
    }
}

TEST(FrameParser, TakesACodePointSplitOverFragmentsWithAPingBetween) {
    EXPECT_EQ(outcome_of(fragment(1, "\xF0\x9F") + fragment(9, "\xFF", true) +
                         fragment(0, "\x98\x80", true)),
              (Outcome{{"ping:\xFF", "text:\xF0\x9F\x98\x80"}, {}}));
    EXPECT_EQ(violation_of(fragment(1, "\xF0\x9F") + fragment(0, "\x98", true)),
              CloseCode::invalid_payload);
    EXPECT_EQ(violation_of(fragment(1, "\xF0\x9F") + fragment(0, "x")), CloseCode::invalid_payload);
    EXPECT_EQ(violation_of(fragment(1, "\xF0\x9F") + fragment(0, "", true)),
              CloseCode::invalid_payload);
}

TEST(FrameParser, RefusesBadTextBeforeItsFrameIsWhole) {
    FrameParser parser(message_limit);
    Findings findings;
    auto stream = text_frame("\xFF" + std::string(900, 'x'));
    EXPECT_EQ(parser.feed(std::span(stream).first(20), findings), CloseCode::invalid_payload);
}

TEST(FrameParser, ReadsTheCodeOfACloseFrame) {
    EXPECT_EQ(outcome_of(ClientFrame{.opcode = 8}.bytes()), (Outcome{{"close:1005"}, {}}));
    for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U,
                                1012U, 1013U, 1014U, 3000U, 3999U, 4000U, 4999U}) {
        EXPECT_EQ(outcome_of(close_frame(code)), (Outcome{{"close:" + std::to_string(code)}, {}}));
        EXPECT_EQ(outcome_of(close_frame(code, "so long")).lines.size(), 1U);
    }
    EXPECT_EQ(outcome_of(close_frame(1000, std::string(123, 'x'))).lines, Lines{"close:1000"});
}

TEST(FrameParser, RefusesCloseFramesThatMustNotBeSent) {
    EXPECT_EQ(violation_of(fragment(8, "x", true)), CloseCode::protocol_error);
    for (const unsigned code :
         {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
        EXPECT_EQ(outcome_of(close_frame(code)), (Outcome{{}, CloseCode::protocol_error})) << code;
    }
    EXPECT_EQ(violation_of(close_frame(1000, "\xFF")), CloseCode::invalid_payload);
    EXPECT_EQ(violation_of(close_frame(1000, "caf\xC3")), CloseCode::invalid_payload);
}

TEST(FrameParser, ReadsNothingBehindACloseFrame) {
    EXPECT_EQ(outcome_of(close_frame(1000) + text_frame("late") + "garbage"),
              (Outcome{{"close:1000"}, {}}));
    EXPECT_EQ(outcome_of(fragment(1, "begun") + close_frame(1001) + fragment(0, "", true)).lines,
              Lines{"close:1001"});
}

TEST(FrameParser, FindsWhatCameBeforeAViolation) {
    EXPECT_EQ(outcome_of(text_frame("fine") + fragment(9, "p", true) + fragment(3, "", true)),
              (Outcome{{"text:fine", "ping:p"}, CloseCode::protocol_error}));
}

TEST(FrameParser, PassesNothingOnOnceItIsStoppedEvenFromAHandler) {
    FrameParser parser(message_limit);
    Findings findings;
    findings.after_each = [&] { parser.stop(); };
    auto stream = fragment(9, "first", true) + text_frame("second");
    EXPECT_EQ(parser.feed(stream, findings), std::nullopt);
    EXPECT_EQ(findings.lines, Lines{"ping:first"});
    auto more = text_frame("third") + "\xFF\xFF\xFF";
    EXPECT_EQ(parser.feed(more, findings), std::nullopt);
    EXPECT_EQ(findings.lines.size(), 1U);
    EXPECT_FALSE(parser.inside_message());
}

TEST(FrameParser, KnowsWhetherItIsInsideAMessage) {
    FrameParser parser(message_limit);
    Findings findings;
    const auto feed = [&](std::string bytes) {
        EXPECT_EQ(parser.feed(bytes, findings), std::nullopt);
        return parser.inside_message();
    };
    EXPECT_FALSE(parser.inside_message());
    EXPECT_FALSE(feed(text_frame("whole")));
    const auto frame = text_frame("in two");
    EXPECT_TRUE(feed(frame.substr(0, 8)));
    EXPECT_FALSE(feed(frame.substr(8)));
    EXPECT_TRUE(feed(fragment(1, "a")));
    EXPECT_TRUE(feed(fragment(9, "", true)));
    EXPECT_FALSE(feed(fragment(0, "z", true)));
    const auto ping = fragment(9, "half a ping", true);
    EXPECT_FALSE(feed(ping.substr(0, 9)));
    EXPECT_FALSE(feed(ping.substr(9)));
}

TEST(FrameParser, FindsTheSameInAnyStreamHoweverItIsCut) {
    SeededRandom random(6455);
    const auto below = [&](unsigned n) {
        return std::uniform_int_distribution<unsigned>(0, n - 1)(random);
    };
    const auto some_text = [&](unsigned most) {
        constexpr std::array<std::string_view, 4> letters{"a", "\xC3\xA9", "\xE2\x82\xAC",
                                                          "\xF0\x9F\x98\x80"};
        std::string text;
        for (unsigned i = below(most); i > 0; --i) text += letters[below(4)];
        return text;
    };
    const auto some_mask = [&] {
        Mask mask{};
        for (auto& byte : mask) byte = static_cast<unsigned char>(below(256));
        return mask;
    };
    for (int round = 0; round < 300; ++round) {
        std::string stream;
        Lines expected;
        for (unsigned messages = 1 + below(6); messages > 0; --messages) {
            const bool text = below(2) == 0;
            const auto payload = some_text(below(8) == 0 ? 240 : 12);
            const unsigned fragments = 1 + below(4);
            std::size_t at = 0;
            for (unsigned i = 1; i <= fragments; ++i) {
                while (below(4) == 0) {
                    const bool ping = below(2) == 0;
                    const auto note = some_text(20);
                    stream +=
                        ClientFrame{.opcode = ping ? 9U : 10U, .payload = note, .mask = some_mask()}
                            .bytes();
                    expected.push_back((ping ? "ping:" : "pong:") + note);
                }
                const auto left = payload.size() - at;
                const auto size = i == fragments ? left : below(static_cast<unsigned>(left) + 1);
                stream += ClientFrame{.opcode = i > 1 ? 0U : (text ? 1U : 2U),
                                      .payload = payload.substr(at, size),
                                      .final = i == fragments,
                                      .mask = some_mask()}
                              .bytes();
                at += size;
            }
            expected.push_back((text ? "text:" : "binary:") + payload);
        }
        for (const std::size_t piece :
             {std::size_t{0}, std::size_t{1}, std::size_t{1} + below(40)}) {
            ASSERT_EQ(parse(stream, piece), (Outcome{expected, {}}))
                << "round " << round << ", pieces of " << piece;
        }
    }
}

TEST(FrameParser, SurvivesAnyBytes) {
    SeededRandom random(99);
    for (int round = 0; round < 3000; ++round) {
        std::string stream = round % 2 == 0 ? text_frame("seed") : "";
        for (int i = 0; i < 60; ++i) stream += static_cast<char>(random() & 0xFF);
        ASSERT_EQ(parse(stream), parse(stream, 1));
    }
}

}  // namespace
}  // namespace jac::cloud
