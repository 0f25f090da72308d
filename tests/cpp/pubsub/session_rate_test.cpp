#include <gtest/gtest.h>

#include <string>

#include "pubsub/collecting_session.hpp"

// What a client may send in a time, and which limits are counted.
namespace jac::cloud {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto connection_event = R"({"type":"connection"})";

std::string ping_frame() {
    return ClientFrame{.opcode = 9}.bytes();
}

TEST_F(SessionTest, RefusesMessagesOverTheRateAndGoesOnWhenTheyStop) {
    config_.message_rate = 10;
    config_.message_burst = 5;
    auto& session = open();
    const auto event = R"({"type":"connection","id":7})";
    for (int i = 0; i < 5; ++i) EXPECT_EQ(error_code(session, event), "");
    const auto answer = json::parse(ask(session, event).at(0));
    EXPECT_EQ(answer["code"], "rate_limited");
    EXPECT_EQ(answer["type"], "connection");
    EXPECT_EQ(answer["id"], 7);
    EXPECT_EQ(json::parse(ask(session, "not JSON").at(0))["type"], "error");
    EXPECT_EQ(events(ReplyError::rate_limited), 2U);
    pass(session, 1s);
    EXPECT_EQ(error_code(session, event), "");
}

TEST_F(SessionTest, ClosesWith4429WhenTheRateKeepsBeingExceeded) {
    config_.message_rate = 10;
    config_.message_burst = 5;
    auto& session = open();
    std::string flood;
    for (int i = 0; i < 100; ++i) flood += text_frame(connection_event);
    receive(session, flood);
    const auto frames = session.take_frames();
    EXPECT_EQ(frames.size(), 5U + 5U + 1U);
    EXPECT_EQ(frames.back().payload, close_payload(CloseCode::rate_limited));
    EXPECT_EQ(context_.counters.rate_limited.value(), 1U);
    EXPECT_TRUE(hub_.empty());
}

TEST_F(SessionTest, CountsPingsAsMessages) {
    config_.message_rate = 10;
    config_.message_burst = 5;
    auto& session = open();
    std::string flood;
    for (int i = 0; i < 1000; ++i) flood += ping_frame();
    receive(session, flood);
    const auto frames = session.take_frames();
    EXPECT_EQ(frames.size(), 5U + 1U);
    EXPECT_EQ(frames.back().payload, close_payload(CloseCode::rate_limited));
}

TEST_F(SessionTest, CountsPongsThatNobodyAskedForAsMessages) {
    config_.message_rate = 10;
    config_.message_burst = 5;
    auto& session = open();
    const auto pong = ClientFrame{.opcode = 10, .payload = ""}.bytes();
    for (int i = 0; i < 100 && !session.deaf(); ++i) receive(session, pong);
    EXPECT_EQ(close_code(session), 4429U);
}

TEST_F(SessionTest, TakesThePongsThatItAskedForAtAnyRate) {
    config_.message_rate = 0.001;
    config_.message_burst = 1;
    auto& session = open();
    for (int i = 0; i < 100; ++i) {
        pass(session, 20s);
        receive(session, ClientFrame{.opcode = 10, .payload = ""}.bytes());
    }
    EXPECT_FALSE(session.deaf());
    EXPECT_EQ(limits_.count(Limit::message_rate), 0U);
}

TEST_F(SessionTest, CountsShortFragmentsAsMessagesAndLongOnesNot) {
    config_.message_rate = 10;
    config_.message_burst = 5;
    auto& session = open();
    const std::string spaces(200, ' ');
    receive(session, ClientFrame{.payload = spaces, .final = false}.bytes());
    for (int i = 0; i < 100; ++i) {
        receive(session, ClientFrame{.opcode = 0, .payload = spaces, .final = false}.bytes());
    }
    EXPECT_EQ(limits_.count(Limit::message_rate), 0U);
    for (int i = 0; i < 100 && !session.deaf(); ++i) {
        receive(session, ClientFrame{.opcode = 0, .payload = "", .final = false}.bytes());
    }
    EXPECT_EQ(close_code(session), 4429U);
}

TEST_F(SessionTest, LooksAtNothingMoreOfWhoWasClosedForTheRate) {
    config_.message_rate = 10;
    config_.message_burst = 5;
    auto& session = open();
    std::string flood;
    for (int i = 0; i < 1000; ++i) flood += ping_frame();
    receive(session, flood);
    const auto counted = limits_.count(Limit::message_rate);
    receive(session, flood);
    EXPECT_EQ(limits_.count(Limit::message_rate), counted);
    EXPECT_TRUE(session.deaf());
}

TEST_F(SessionTest, CountsEachLimitThatHoldsAClientBack) {
    config_.max_targets = 1;
    config_.max_json_depth = 3;
    config_.max_message_bytes = 300;
    context_.reader = EventReader({config_.max_json_depth, config_.max_targets});
    auto& session = open();
    ask(session, R"({"type":"channel","channel_ids":["a","b"],"data":{}})");
    ask(session, R"({"type":"walker","walker":"open","context":{"a":[[1]]}})");
    ask(session, R"([[[)");
    EXPECT_EQ(limits_.count(Limit::max_targets), 1U);
    EXPECT_EQ(limits_.count(Limit::max_json_depth), 1U);
    receive(session, text_frame(std::string(301, ' ')));
    EXPECT_EQ(limits_.count(Limit::max_message_bytes), 1U);
    const auto records = log_.take();
    ASSERT_EQ(records->size(), 3U);
    for (const auto& record : *records) EXPECT_EQ(record.event, "limit_reached");
}

TEST_F(SessionTest, AllowsTheRateForEver) {
    config_.message_rate = 10;
    config_.message_burst = 1;
    auto& session = open();
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(error_code(session, connection_event), "");
        context_.now += 100ms;
    }
}

TEST_F(SessionTest, HasNoRateLimitWhenItIsZero) {
    config_.message_rate = 0;
    auto& session = open();
    std::string flood;
    for (int i = 0; i < 1000; ++i) flood += text_frame(connection_event);
    receive(session, flood);
    EXPECT_EQ(session.take_frames().size(), 1000U);
}

}  // namespace
}  // namespace jac::cloud
