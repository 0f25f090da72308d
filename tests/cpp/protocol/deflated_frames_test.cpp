#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "deflate/deflater.hpp"
#include "frames.hpp"
#include "protocol/frame_parser.hpp"

namespace jac::cloud {
namespace {

constexpr std::size_t message_limit = 1000;
constexpr unsigned rsv1 = 4;  // the highest of the three reserved bits

class Messages : public FrameHandler {
  public:
    void on_message(Opcode /*opcode*/, std::string_view payload) override {
        found.emplace_back(payload);
    }
    void on_ping(std::string_view payload) override {
        found.push_back("ping:" + std::string(payload));
    }
    void on_pong(std::string_view /*payload*/) override {}
    void on_close(CloseCode /*code*/) override {}

    std::vector<std::string> found;
};

struct Outcome {
    std::vector<std::string> messages;
    std::optional<CloseCode> violation;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome parse(std::string_view stream, std::size_t piece) {
    Inflater inflater;
    FrameParser parser(message_limit, &inflater);
    Messages messages;
    Outcome outcome;
    while (!stream.empty() && !outcome.violation) {
        std::string bytes(stream.substr(0, piece));
        stream.remove_prefix(bytes.size());
        outcome.violation = parser.feed(bytes, messages);
    }
    outcome.messages = messages.found;
    return outcome;
}

// Whole and byte by byte must agree: the outcome of both.
Outcome outcome_of(std::string_view stream) {
    auto whole = parse(stream, stream.size());
    EXPECT_EQ(whole.messages, parse(stream, 1).messages);
    EXPECT_EQ(whole.violation, parse(stream, 1).violation);
    return whole;
}

std::string deflated(std::string_view message) {
    Deflater deflater;
    return std::string(deflater.compress(message, max_window_bits).value());
}

std::string frame(unsigned opcode, std::string payload, unsigned reserved = 0, bool final = true) {
    return ClientFrame{
        .opcode = opcode, .payload = std::move(payload), .final = final, .reserved = reserved}
        .bytes();
}

TEST(DeflatedFrames, CompressedAndPlainMessagesMayTakeTurns) {
    const std::string message(500, 'x');
    EXPECT_EQ(outcome_of(frame(1, deflated(message), rsv1) + text_frame("plain") +
                         frame(2, deflated(message), rsv1)),
              (Outcome{{message, "plain", message}, {}}));
}

TEST(DeflatedFrames, AMessageMayComeInFragmentsWithPingsBetween) {
    const std::string message(500, 'x');
    const auto payload = deflated(message);
    EXPECT_EQ(outcome_of(frame(1, payload.substr(0, 3), rsv1, false) + frame(9, "p") +
                         frame(0, "", 0, false) + frame(0, payload.substr(3))),
              (Outcome{{"ping:p", message}, {}}));
}

TEST(DeflatedFrames, TheBitIsRefusedWhereItMustNotStand) {
    const auto payload = deflated(std::string(500, 'x'));
    for (const auto& stream :
         {frame(1, payload.substr(0, 3), rsv1, false) + frame(0, payload.substr(3), rsv1),
          frame(1, "plain", 0, false) + frame(0, payload, rsv1), frame(9, "p", rsv1),
          frame(8, "", rsv1), frame(1, payload, rsv1 | 2), frame(1, payload, rsv1 | 1),
          frame(1, "x", 2), frame(1, "x", 1)}) {
        EXPECT_EQ(outcome_of(stream), (Outcome{{}, CloseCode::protocol_error}));
    }
}

TEST(DeflatedFrames, TheBitIsRefusedWhereCompressionWasNotAgreedOn) {
    FrameParser parser(message_limit);
    Messages messages;
    auto stream = frame(1, deflated(std::string(500, 'x')), rsv1);
    EXPECT_EQ(parser.feed(stream, messages), CloseCode::protocol_error);
}

TEST(DeflatedFrames, TheLimitCountsWhatTheMessageInflatesTo) {
    const auto message = [](std::size_t size) {
        return frame(1, deflated(std::string(size, 'x')), rsv1);
    };
    EXPECT_EQ(outcome_of(message(message_limit)).messages.at(0).size(), message_limit);
    EXPECT_EQ(outcome_of(message(message_limit + 1)), (Outcome{{}, CloseCode::message_too_big}));
    EXPECT_EQ(outcome_of(message(10'000'000)), (Outcome{{}, CloseCode::message_too_big}));
}

// What does not compress grows by a few bytes: stored blocks of it are as long as the limit allows.
TEST(DeflatedFrames, AStoredMessageOfTheLimitIsTaken) {
    std::string payload("\x00\xe8\x03\x17\xfc", 5);  // a stored block of 1,000 bytes
    payload += std::string(message_limit, 'x') + std::string(1, '\0');
    EXPECT_EQ(outcome_of(frame(1, payload, rsv1)).messages.at(0).size(), message_limit);
}

TEST(DeflatedFrames, CompressedBytesBeyondAnyUseAreRefusedBeforeTheyAreRead) {
    const auto stream = frame(1, std::string(message_limit + 100, '\0'), rsv1);
    Inflater inflater;
    FrameParser parser(message_limit, &inflater);
    Messages messages;
    std::string head = stream.substr(0, 8);
    EXPECT_EQ(parser.feed(head, messages), CloseCode::message_too_big);
}

TEST(DeflatedFrames, TextMustBeUtf8AfterInflatingAndBinaryNeedNot) {
    const auto bad = deflated(std::string(100, '\xFF'));
    EXPECT_EQ(outcome_of(frame(1, bad, rsv1)), (Outcome{{}, CloseCode::invalid_payload}));
    EXPECT_EQ(outcome_of(frame(2, bad, rsv1)).messages.size(), 1U);
}

TEST(DeflatedFrames, WhatIsNotCompressedDataClosesWith1007) {
    for (const auto& garbage : {std::string(100, '\xFF'), std::string("\x06"), std::string()}) {
        EXPECT_EQ(outcome_of(frame(1, garbage, rsv1)), (Outcome{{}, CloseCode::invalid_payload}));
    }
}

TEST(DeflatedFrames, AnEmptyMessageIsOneEmptyBlock) {
    EXPECT_EQ(outcome_of(frame(1, std::string(1, '\0'), rsv1)), (Outcome{{""}, {}}));
}

}  // namespace
}  // namespace jac::cloud
