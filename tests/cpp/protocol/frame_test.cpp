#include "protocol/frame.hpp"

#include <gtest/gtest.h>

#include <string>

namespace jac::cloud {
namespace {

std::string header(Opcode opcode, std::size_t size) {
    return std::string(FrameHeader(opcode, size).view());
}

std::string bytes(std::initializer_list<unsigned> values) {
    std::string text;
    for (const auto value : values) text += static_cast<char>(value);
    return text;
}

TEST(FrameHeader, HasTheShortestLengthForEverySize) {
    EXPECT_EQ(header(Opcode::text, 0), bytes({0x81, 0}));
    EXPECT_EQ(header(Opcode::text, 125), bytes({0x81, 125}));
    EXPECT_EQ(header(Opcode::text, 126), bytes({0x81, 126, 0, 126}));
    EXPECT_EQ(header(Opcode::text, 127), bytes({0x81, 126, 0, 127}));
    EXPECT_EQ(header(Opcode::text, 65535), bytes({0x81, 126, 0xFF, 0xFF}));
    EXPECT_EQ(header(Opcode::text, 65536), bytes({0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}));
    EXPECT_EQ(header(Opcode::text, 0x0123456789ABCDEF),
              bytes({0x81, 127, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF}));
}

TEST(FrameHeader, IsFinalAndUnmaskedForEveryOpcode) {
    EXPECT_EQ(header(Opcode::binary, 1), bytes({0x82, 1}));
    EXPECT_EQ(header(Opcode::close, 2), bytes({0x88, 2}));
    EXPECT_EQ(header(Opcode::ping, 0), bytes({0x89, 0}));
    EXPECT_EQ(header(Opcode::pong, 125), bytes({0x8A, 125}));
}

TEST(Frame, KnowsItsControlOpcodes) {
    EXPECT_FALSE(is_control(Opcode::continuation));
    EXPECT_FALSE(is_control(Opcode::text));
    EXPECT_FALSE(is_control(Opcode::binary));
    EXPECT_TRUE(is_control(Opcode::close));
    EXPECT_TRUE(is_control(Opcode::ping));
    EXPECT_TRUE(is_control(Opcode::pong));
}

TEST(ClosePayload, IsTheCodeAndItsReasonAndFitsAControlFrame) {
    EXPECT_EQ(close_payload(CloseCode::slow_consumer), bytes({0x11, 0x97}) + "slow consumer");
    for (const auto& info : close_codes) {
        const auto payload = close_payload(info.code);
        EXPECT_EQ(payload.substr(2), info.reason);
        EXPECT_LE(payload.size(), max_control_payload);
    }
}

TEST(ClosePayload, HasNoReasonForACodeThatIsNotOurs) {
    EXPECT_EQ(close_payload(static_cast<CloseCode>(3000)), bytes({0x0B, 0xB8}));
}

}  // namespace
}  // namespace jac::cloud
