#include <gtest/gtest.h>

#include <string>

#include "pubsub/collecting_session.hpp"

// How sessions end: goodbyes of both sides, violations, limits and clocks.
namespace jac::cloud {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto connection_event = R"({"type":"connection"})";
constexpr auto walker_event = R"({"type":"walker","walker":"open"})";

std::string ping_frame() {
    return ClientFrame{.opcode = 9}.bytes();
}
std::string pong_frame() {
    return ClientFrame{.opcode = 10}.bytes();
}

// --- goodbyes

TEST_F(SessionTest, AnswersAGoodbyeWithTheSameCodeAndEnds) {
    for (const unsigned code : {1000U, 1001U, 3000U, 4321U}) {
        auto& session = open();
        receive(session, close_frame(code, "bye"));
        EXPECT_EQ(close_code(session), code);
        EXPECT_TRUE(session.ended());
        EXPECT_FALSE(session.deaf());
        EXPECT_TRUE(hub_.empty());
    }
}

TEST_F(SessionTest, AnswersAGoodbyeWithoutACodeWith1000) {
    auto& session = open();
    receive(session, ClientFrame{.opcode = 8}.bytes());
    EXPECT_EQ(close_code(session), 1000U);
    EXPECT_TRUE(session.ended());
}

TEST_F(SessionTest, SaysGoodbyeOnceAndEndsWithTheAnswer) {
    auto& session = open();
    session.close(CloseCode::going_away);
    session.close(CloseCode::slow_consumer);
    hub_.flush();
    const auto frames = session.take_frames();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0].payload, close_payload(CloseCode::going_away));
    EXPECT_FALSE(session.ended());
    EXPECT_TRUE(hub_.empty());
    // Until then nothing is answered.
    receive(session, text_frame(connection_event) + ping_frame());
    EXPECT_EQ(session.take_sent(), "");
    const auto changes = session.changes;
    receive(session, close_frame(1001));
    EXPECT_EQ(session.take_sent(), "");
    EXPECT_TRUE(session.ended());
    EXPECT_GT(session.changes, changes) << "nothing is left to be sent that would end the socket";
}

TEST_F(SessionTest, EndsWhenItsGoodbyeIsNotAnswered) {
    auto& session = open();
    session.close(CloseCode::going_away);
    hub_.flush();
    pass(session, 4900ms);
    EXPECT_FALSE(session.ended());
    const auto changes = session.changes;
    pass(session, 200ms);
    EXPECT_TRUE(session.ended());
    EXPECT_GT(session.changes, changes);
    EXPECT_EQ(session.deadline(), TimePoint::max());
}

TEST_F(SessionTest, ActsOnWhatCameBeforeAGoodbyeAndOnNothingAfter) {
    auto& session = open("red");
    auto& other = open("red");
    const auto note = [](int n) {
        return text_frame(R"({"type":"channel","channel_ids":["red"],"data":{"n":)" +
                          std::to_string(n) + "}}");
    };
    receive(session, note(1) + close_frame(1000) + note(2));
    EXPECT_EQ(texts(other), Texts{R"({"n":1})"});
    EXPECT_EQ(session.take_frames().size(), 2U);
}

TEST_F(SessionTest, WorksThroughWhatItHoldsAfterAGoodbye) {
    auto& session = open("red");
    auto& other = open("red");
    receive(session, text_frame(walker_event) +
                         text_frame(R"({"type":"channel","channel_ids":["red"],"data":{"n":1}})") +
                         close_frame(1000));
    EXPECT_TRUE(session.ended());
    EXPECT_TRUE(session.busy());
    session.take_sent();
    walker_done(session, "too late");
    EXPECT_EQ(session.take_sent(), "");
    EXPECT_EQ(texts(other), Texts{R"({"n":1})"});
    EXPECT_FALSE(session.busy());
}

TEST_F(SessionTest, ReadsOnForTheAnswerToItsGoodbyeEvenIfItHadPaused) {
    config_.held_events = 1;
    auto& session = open();
    receive(session, text_frame(walker_event) + text_frame(connection_event));
    EXPECT_FALSE(session.reading());
    session.close(CloseCode::going_away);
    EXPECT_TRUE(session.reading());
    receive(session, close_frame(1001));
    EXPECT_TRUE(session.ended());
    walker_done(session);
}

// --- violations

TEST_F(SessionTest, ClosesOnAViolationAndIsDeafFromThenOn) {
    const std::vector<std::pair<std::string, unsigned>> violations{
        {ClientFrame{.payload = "x", .masked = false}.bytes(), 1002},
        {ClientFrame{.opcode = 3}.bytes(), 1002},
        {ClientFrame{.reserved = 4}.bytes(), 1002},
        {close_frame(1005), 1002},
        {text_frame("\xFF"), 1007},
        {ClientFrame{.payload = std::string((1 << 20) + 1, 'x')}.bytes(), 1009}};
    for (const auto& [bytes, code] : violations) {
        auto& session = open();
        receive(session, text_frame(connection_event) + bytes + text_frame(connection_event));
        const auto frames = session.take_frames();
        ASSERT_EQ(frames.size(), 2U);
        EXPECT_EQ(frames[0].opcode, Opcode::text);
        EXPECT_EQ(frames[1].payload, close_payload(static_cast<CloseCode>(code)));
        EXPECT_TRUE(session.deaf());
        EXPECT_TRUE(hub_.empty());
        receive(session, text_frame(connection_event) + "\x01\x02\x03");
        EXPECT_EQ(session.take_sent(), "");
        pass(session, 6s);
        EXPECT_TRUE(session.ended());
    }
}

TEST_F(SessionTest, HasNoClockLeftAfterAViolationInsideAMessage) {
    auto& session = open();
    receive(session, text_frame(walker_event) +
                         ClientFrame{.payload = "begun", .final = false}.bytes() +
                         ClientFrame{.opcode = 5}.bytes());
    EXPECT_EQ(close_code(session), 1002U);
    pass(session, 10min);
    EXPECT_TRUE(session.ended());
    EXPECT_EQ(session.deadline(), TimePoint::max());
    walker_done(session);
}

// --- pings

TEST_F(SessionTest, PingsEveryIntervalWhileItIsAnswered) {
    auto& session = open();
    for (int i = 0; i < 5; ++i) {
        pass(session, 19900ms);
        EXPECT_EQ(session.take_sent(), "");
        pass(session, 100ms);
        EXPECT_EQ(session.take_frames(), (std::vector<ServerFrame>{{Opcode::ping, ""}}));
        receive(session, pong_frame());
    }
    EXPECT_FALSE(session.ended());
}

TEST_F(SessionTest, ClosesWith4408WhenNothingAnswersAPing) {
    auto& session = open();
    pass(session, 39900ms);
    EXPECT_EQ(session.take_frames().size(), 1U);
    pass(session, 200ms);
    EXPECT_EQ(close_code(session), 4408U);
    EXPECT_EQ(context_.counters.not_responding.value(), 1U);
    EXPECT_TRUE(hub_.empty());
}

TEST_F(SessionTest, TakesAnythingThatArrivesForASignOfLife) {
    const auto half_a_frame = text_frame("not whole").substr(0, 8);
    for (const auto& bytes :
         {pong_frame(), ping_frame(), text_frame(connection_event), half_a_frame}) {
        auto& session = open();
        pass(session, 39s);
        receive(session, bytes);
        pass(session, 15s);
        EXPECT_NE(close_code(session), 4408U);
    }
}

TEST_F(SessionTest, SendsNoPingsWhenTheIntervalIsZero) {
    config_.ping_interval = 0;
    auto& session = open();
    EXPECT_EQ(session.deadline(), TimePoint::max());
    pass(session, 24h);
    EXPECT_EQ(session.take_sent(), "");
}

TEST_F(SessionTest, ExpectsNoPongWhileItDoesNotRead) {
    config_.held_events = 1;
    auto& session = open();
    receive(session, text_frame(walker_event) + text_frame(connection_event));
    ASSERT_FALSE(session.reading());
    pass(session, 10min);
    EXPECT_FALSE(session.ended());
    for (const auto& frame : session.take_frames()) EXPECT_EQ(frame.opcode, Opcode::ping);
    walker_done(session);
    ASSERT_TRUE(session.reading());
    // Its clock runs anew.
    session.take_sent();
    pass(session, 19900ms);
    EXPECT_NE(close_code(session), 4408U);
    pass(session, 20100ms);
    EXPECT_EQ(close_code(session), 4408U);
}

TEST_F(SessionTest, AnswersPingsWithTheirPayloads) {
    auto& session = open();
    receive(session,
            ClientFrame{.opcode = 9, .payload = std::string(125, 'p')}.bytes() + ping_frame());
    EXPECT_EQ(
        session.take_frames(),
        (std::vector<ServerFrame>{{Opcode::pong, std::string(125, 'p')}, {Opcode::pong, ""}}));
}

// --- messages that do not end

TEST_F(SessionTest, ClosesWhenAMessageIsNotWholeInTime) {
    config_.ping_interval = 0;
    auto& session = open();
    receive(session, ClientFrame{.payload = "begun", .final = false}.bytes());
    for (int i = 0; i < 59; ++i) {
        pass(session, 1s);
        receive(session, ClientFrame{.opcode = 0, .payload = "", .final = false}.bytes());
    }
    EXPECT_EQ(session.take_sent(), "");
    pass(session, 1100ms);
    EXPECT_EQ(close_code(session), 4408U);
}

TEST_F(SessionTest, GivesEveryMessageItsOwnTime) {
    config_.ping_interval = 0;
    auto& session = open();
    const auto frame = text_frame(connection_event);
    // Each segment ends one message and begins the next.
    receive(session, frame.substr(0, 10));
    for (int i = 0; i < 10; ++i) {
        pass(session, 40s);
        receive(session, frame.substr(10) + frame.substr(0, 10));
    }
    EXPECT_EQ(texts(session).size(), 10U);
    const auto ping = ClientFrame{.opcode = 9, .payload = "ping"}.bytes();
    receive(session, frame.substr(10) + ping.substr(0, 8));
    pass(session, 10min);
    EXPECT_FALSE(session.ended());
    EXPECT_NE(close_code(session), 4408U);
}

TEST_F(SessionTest, DoesNotTimeAMessageThatItDoesNotRead) {
    config_.ping_interval = 0;
    config_.held_events = 1;
    auto& session = open();
    const auto frame = text_frame(connection_event);
    receive(session, text_frame(walker_event) + frame + frame.substr(0, 10));
    ASSERT_FALSE(session.reading());
    pass(session, 10min);
    EXPECT_EQ(session.take_sent(), "");
    walker_done(session);
    pass(session, 59s);
    EXPECT_EQ(texts(session).size(), 1U);
    receive(session, frame.substr(10));
    EXPECT_EQ(texts(session).size(), 1U);
    EXPECT_EQ(session.deadline(), TimePoint::max());
}

TEST_F(SessionTest, GivesMessagesAllTheTimeWhenTheLimitIsZero) {
    config_.ping_interval = 0;
    config_.message_timeout = 0;
    auto& session = open();
    receive(session, ClientFrame{.payload = "begun", .final = false}.bytes());
    EXPECT_EQ(session.deadline(), TimePoint::max());
}

// --- slow consumers

TEST_F(SessionTest, ClosesASlowConsumerWith4503AndNobodyElse) {
    config_.outbox_bytes = 4096;
    auto& slow = open("red");
    auto& quick = open("red");
    slow.stuck = true;
    const Targets red(TargetKind::channel, std::vector<std::string_view>{"red"});
    for (int i = 0; i < 10; ++i) {
        hub_.publish(red, std::string(1000, 'x'));
        hub_.flush();
    }
    EXPECT_EQ(context_.counters.slow_consumers.value(), 1U);
    EXPECT_EQ(texts(quick).size(), 10U);
    EXPECT_EQ(hub_.size(), 1U);
    EXPECT_LE(slow.outbox().bytes(), 4096U + 2 + 125);
    // If it reads on after all, it finds all that was queued without a gap, and the reason.
    slow.stuck = false;
    hub_.flush_later(slow);
    hub_.flush();
    const auto frames = slow.take_frames();
    ASSERT_EQ(frames.size(), 4U + 1U);
    EXPECT_EQ(frames.back().payload, close_payload(CloseCode::slow_consumer));
}

TEST_F(SessionTest, OpensWithTheLongestChannelIdAndTheSmallestOutbox) {
    config_.outbox_bytes = 4096;
    config_.validate();
    auto& session = open(std::string(255, '\x01'));  // each is six bytes of JSON
    EXPECT_EQ(context_.counters.slow_consumers.value(), 0U);
    EXPECT_EQ(ask(session, connection_event).size(), 1U);
}

TEST_F(SessionTest, EndsASlowConsumerThatNeverReads) {
    config_.outbox_bytes = 4096;
    auto& slow = open("red");
    slow.stuck = true;
    for (int i = 0; i < 10; ++i) hub_.send(slow, Opcode::text, std::string(1000, 'x'));
    hub_.flush();
    pass(slow, 6s);
    EXPECT_TRUE(slow.ended());
    EXPECT_TRUE(slow.outbox().empty());
    EXPECT_EQ(slow.outbox().pinned(), 0U);
}

TEST_F(SessionTest, SendsOneReplyLargerThanTheOutbox) {
    config_.outbox_bytes = 4096;
    auto& session = open();
    say(session, walker_event);
    const std::string reply(100'000, 'x');
    walker_done(session, reply);
    EXPECT_EQ(texts(session), Texts{reply});
}

// --- loss

TEST_F(SessionTest, LeavesTheHubWhenItIsLostAndCanBeLostTwice) {
    auto& session = open();
    session.lost();
    session.lost();
    session.close(CloseCode::normal);
    hub_.flush();
    EXPECT_TRUE(hub_.empty());
    EXPECT_TRUE(session.ended());
    EXPECT_EQ(session.take_sent(), "");
    receive(session, text_frame(connection_event));
    EXPECT_EQ(session.take_sent(), "");
    EXPECT_EQ(session.deadline(), TimePoint::max());
}

}  // namespace
}  // namespace jac::cloud
