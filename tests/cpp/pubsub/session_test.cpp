#include "pubsub/session.hpp"

#include <gtest/gtest.h>

#include <string>

#include "pubsub/session_events.hpp"

// What a session does with events: protocol.md of the docs, from the hub's side of the socket.
namespace jac::cloud {
namespace {

using nlohmann::json;
using namespace std::string_literals;

TEST_F(SessionTest, OpensWithTheResponseHeadAndTheConnectionFrame) {
    CollectingSession session(context_, 99, "1700000000:ab", "lobby", {});
    EXPECT_TRUE(hub_.empty());
    session.open("HTTP/1.1 101\r\n\r\n");
    EXPECT_EQ(hub_.size(), 1U);
    hub_.flush();
    const auto sent = session.take_sent();
    ASSERT_TRUE(sent.starts_with("HTTP/1.1 101\r\n\r\n"));
    const auto frames = read_server_frames(std::string_view(sent).substr(16));
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0], (ServerFrame{Opcode::text, connection_frame(session, public_root_id)}));
    EXPECT_EQ(context_.counters.sessions.value(), 1U);
    EXPECT_EQ(context_.counters.sessions_opened.value(), 1U);
    EXPECT_TRUE(session.reading());
    EXPECT_FALSE(session.ended());
    EXPECT_FALSE(session.busy());
}

TEST_F(SessionTest, AnswersAConnectionEventWithTheConnectionFrame) {
    auto& session = open("lobby", user(7));
    EXPECT_EQ(ask(session, connection_event), Texts{connection_frame(session, root_of_7)});
    EXPECT_EQ(ask(session, R"({"type":"connection","id":"q"})"),
              Texts{connection_frame(session, root_of_7, "\"q\"")});
}

TEST_F(SessionTest, TakesBinaryMessagesOfJson) {
    auto& session = open();
    receive(session, ClientFrame{.opcode = 2, .payload = connection_event}.bytes());
    EXPECT_EQ(texts(session).size(), 1U);
    receive(session, ClientFrame{.opcode = 2, .payload = "\"\xFF\""}.bytes());
    EXPECT_EQ(json::parse(texts(session).at(0))["code"], "invalid_json");
}

TEST_F(SessionTest, AnswersWhatIsNoEventAndStays) {
    auto& session = open();
    for (const auto* text : {"", "x", "NaN", "{}{}", "\xEF\xBB\xBF{}", "{'a':1}", R"("\ud800")"}) {
        EXPECT_EQ(error_code(session, text), "invalid_json") << text;
    }
    for (const auto* text :
         {"1", "[]", "{}", R"({"type":1})", R"({"type":"nope"})", R"({"type":"user"})",
          R"({"type":"connection","type":"connection"})", R"({"type":"connection","id":1.5})"}) {
        EXPECT_EQ(error_code(session, text), "invalid_event") << text;
    }
    const auto answer =
        json::parse(ask(session, R"({"type":"user","root_ids":[],"data":{},"id":4})").at(0));
    EXPECT_EQ(answer["type"], "user");
    EXPECT_EQ(answer["id"], 4);
    EXPECT_EQ(answer["error"][0]["loc"], json::parse(R"(["root_ids"])"));
    EXPECT_EQ(ask(session, connection_event).size(), 1U);
    EXPECT_EQ(events(ReplyError::invalid_json), 7U);
    EXPECT_EQ(events(ReplyError::invalid_event), 9U);
}

// --- publishing

TEST_F(SessionTest, PublishesDataByteForByteToAllTargetsIncludingItself) {
    auto& a = open("red", user(7));
    auto& b = open("red", user(7));
    auto& c = open("blue", user(8));
    const auto data =
        R"({ "z":1.10,"big":1234567890123456789012345678901234567890,  "a":"\u0061" })"s;
    EXPECT_EQ(ask(a, channel_event("red", data)), Texts{data});
    EXPECT_EQ(texts(b), Texts{data});
    EXPECT_EQ(texts(c), Texts{});
    say(a,
        R"({"type":"user","root_ids":["n::000000000000000000000007","00000000000000000000000000000007"],"data":{"u":1}})");
    EXPECT_EQ(texts(a), Texts{R"({"u":1})"});
    EXPECT_EQ(texts(b), Texts{R"({"u":1})"});
    say(a, R"({"type":"client","client_ids":["client3","client3","nobody"],"data":{"c":1}})");
    EXPECT_EQ(texts(a), Texts{});
    EXPECT_EQ(texts(c), Texts{R"({"c":1})"});
}

TEST_F(SessionTest, AcknowledgesPublishingOnlyWhenItHasAnId) {
    auto& session = open();
    EXPECT_EQ(ask(session, R"({"type":"client","client_ids":["nobody"],"data":{}})"), Texts{});
    EXPECT_EQ(ask(session, R"({"type":"client","client_ids":["nobody"],"data":{},"id":"\u0061"})"),
              Texts{R"({"type":"ack","id":"\u0061"})"});
    EXPECT_EQ(ask(session, R"({"type":"channel","channel_ids":["lobby"],"data":{"x":1},"id":2})"),
              (Texts{R"({"x":1})", R"({"type":"ack","id":2})"}));
}

TEST_F(SessionTest, PublishesToOtherShardsThroughTheirPorts) {
    auto other = std::make_shared<QueuePort>();
    broker_.attach(other);
    broker_.directory().add(TargetKind::channel, "far", 1);
    auto& session = open("near");
    say(session, R"({"type":"channel","channel_ids":["far","near"],"data":{"x":1}})");
    EXPECT_EQ(texts(session), Texts{R"({"x":1})"});
    ASSERT_EQ(other->deliveries.size(), 1U);
    EXPECT_TRUE(port_->deliveries.empty());
    EXPECT_EQ(other->deliveries[0].publication->message->framed(), "\x81\x07{\"x\":1}");
}

TEST_F(SessionTest, LetsThoseSendWhomClientEventsAllows) {
    const auto own = R"({"type":"channel","channel_ids":["lobby"],"data":{},"id":1})";
    const auto foreign = R"({"type":"channel","channel_ids":["lobby","other"],"data":{},"id":1})";
    const auto to_user = R"({"type":"user","root_ids":["x"],"data":{},"id":1})";
    const auto to_client = R"({"type":"client","client_ids":["x"],"data":{},"id":1})";
    auto& guest = open("lobby");
    auto& member = open("lobby", user(7));
    const auto allowed = [&](CollectingSession& session, std::string_view event) {
        const auto answers = ask(session, event);
        guest.take_sent();
        member.take_sent();
        const auto last = json::parse(answers.back());
        if (last["type"] == "ack") return true;
        EXPECT_EQ(last["code"], "forbidden");
        EXPECT_EQ(last["id"], 1);
        EXPECT_EQ(answers.size(), 1U);
        return false;
    };
    const auto verdicts = [&](CollectingSession& session) {
        std::string letters;
        for (const auto* event : {own, foreign, to_user, to_client})
            letters += allowed(session, event) ? 'y' : 'n';
        return letters;
    };
    config_.client_events = ClientEvents::anyone;
    EXPECT_EQ(verdicts(guest), "yyyy");
    EXPECT_EQ(verdicts(member), "yyyy");
    config_.client_events = ClientEvents::authenticated;
    EXPECT_EQ(verdicts(guest), "nnnn");
    EXPECT_EQ(verdicts(member), "yyyy");
    config_.client_events = ClientEvents::members;
    EXPECT_EQ(verdicts(guest), "ynnn");
    EXPECT_EQ(verdicts(member), "ynyy");
    config_.client_events = ClientEvents::nobody;
    EXPECT_EQ(verdicts(guest), "nnnn");
    EXPECT_EQ(verdicts(member), "nnnn");
}

// --- walkers

TEST_F(SessionTest, HandsAWalkerOnWithAllItNeeds) {
    auto& session = open("lobby", user(7));
    say(session,
        R"({"type":"walker","walker":"closed","context":{ "a":1.10 },"node":"n::5","response":true,"id":"q"})");
    EXPECT_EQ(texts(session), Texts{});
    ASSERT_EQ(session.walkers.size(), 1U);
    const auto& request = session.walkers[0];
    EXPECT_EQ(request.walker, "closed");
    EXPECT_EQ(request.context, R"({ "a":1.10 })");
    EXPECT_EQ(request.node, "n::5");
    EXPECT_EQ(request.id, "\"q\"");
    EXPECT_TRUE(request.response);
    EXPECT_EQ(request.identity, user(7));
    EXPECT_TRUE(request.origin.alive());
    EXPECT_TRUE(session.busy());
    walker_done(session, "the reply");
    EXPECT_EQ(texts(session), Texts{"the reply"});
    EXPECT_FALSE(session.busy());
}

TEST_F(SessionTest, SendsNothingForAWalkerWithoutAReply) {
    auto& session = open();
    say(session, R"({"type":"walker","walker":"open"})");
    EXPECT_EQ(session.walkers[0].context, "{}");
    EXPECT_EQ(session.walkers[0].node, std::nullopt);
    EXPECT_FALSE(session.walkers[0].response);
    walker_done(session, "");
    EXPECT_EQ(texts(session), Texts{});
}

TEST_F(SessionTest, CountsAWalkerByHowItEndedEvenWhenItsClientHasGone) {
    auto& session = open();
    const auto count = [&](std::optional<ReplyError> error) {
        return context_.counters.events.value(static_cast<std::size_t>(EventType::walker), error);
    };
    say(session, R"({"type":"walker","walker":"open"})");
    EXPECT_EQ(count(std::nullopt), 0U);
    walker_done(session);
    EXPECT_EQ(count(std::nullopt), 1U);
    say(session, R"({"type":"walker","walker":"open"})");
    session.lost();
    session.walkers.pop_front();
    session.walker_done("nobody hears this", ReplyError::conflict);
    EXPECT_EQ(count(ReplyError::conflict), 1U);
    EXPECT_EQ(count(std::nullopt), 1U);
}

TEST_F(SessionTest, RefusesWalkersItDoesNotKnowAndThoseThatWantAUser) {
    auto& session = open();
    for (const std::string name : {"nope", "", "../x", "Open"}) {
        const auto answer = json::parse(ask(session, walker_event("1", name)).at(0));
        EXPECT_EQ(answer["code"], "unknown_walker");
        EXPECT_EQ(answer["error"], "Invalid request! Please use valid walker event!");
        EXPECT_EQ(answer["type"], "walker");
        EXPECT_EQ(answer["id"], 1);
    }
    const auto answer = json::parse(ask(session, walker_event("2", "closed")).at(0));
    EXPECT_EQ(answer["code"], "unauthenticated");
    EXPECT_EQ(answer["error"], "Event closed requires to be authenticated!");
    EXPECT_TRUE(session.walkers.empty());
    EXPECT_FALSE(session.busy());
}

TEST_F(SessionTest, TakesWalkersThatAreAddedLater) {
    auto& session = open();
    EXPECT_EQ(error_code(session, walker_event("1", "fresh")), "unknown_walker");
    context_.walkers = std::make_shared<const WalkerTable>(WalkerTable{{"fresh", false}});
    say(session, walker_event("1", "fresh"));
    EXPECT_EQ(session.walkers.size(), 1U);
}

TEST_F(SessionTest, HoldsBackWhatComesAfterAWalkerAndNobodyElses) {
    auto& session = open("red");
    auto& other = open("red");
    receive(session,
            text_frame(walker_event("1")) + text_frame(channel_event("red", R"({"n":1})")) +
                text_frame(walker_event("2")) + text_frame(channel_event("red", R"({"n":2})")) +
                text_frame(connection_event));
    EXPECT_EQ(session.walkers.size(), 1U);
    EXPECT_EQ(texts(session), Texts{});
    EXPECT_EQ(texts(other), Texts{});
    EXPECT_EQ(ask(other, connection_event).size(), 1U);
    walker_done(session, "first");
    EXPECT_EQ(texts(session), (Texts{"first", R"({"n":1})"}));
    EXPECT_EQ(texts(other), Texts{R"({"n":1})"});
    ASSERT_EQ(session.walkers.size(), 1U);
    EXPECT_EQ(session.walkers[0].id, "2");
    walker_done(session, "second");
    EXPECT_EQ(texts(session),
              (Texts{"second", R"({"n":2})", connection_frame(session, public_root_id)}));
    EXPECT_FALSE(session.busy());
}

TEST_F(SessionTest, AnswersAThousandPipelinedWalkersInTheirOrder) {
    config_.message_rate = 0;
    auto& session = open();
    std::string bytes;
    for (int i = 0; i < 1000; ++i) bytes += text_frame(walker_event(std::to_string(i)));
    receive(session, bytes);
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(session.walkers.size(), 1U);
        ASSERT_EQ(session.walkers[0].id, std::to_string(i));
        walker_done(session, std::to_string(i));
        ASSERT_EQ(texts(session), Texts{std::to_string(i)});
    }
    EXPECT_FALSE(session.busy());
    EXPECT_TRUE(session.reading());
}

TEST_F(SessionTest, KeepsItsNotificationsBeforeTheReplyOfTheirWalker) {
    auto& session = open();
    say(session, walker_event("1"));
    const auto origin = session.walkers[0].origin;
    for (const auto* text : {"1", "2", "3"})
        EXPECT_TRUE(origin.send(std::make_shared<const Message>(text)));
    port_->post([&] { session.walker_done("reply"); });
    port_->run(hub_);
    EXPECT_EQ(texts(session), (Texts{"1", "2", "3", "reply"}));
    session.walkers.clear();
}

TEST_F(SessionTest, PausesReadingAtHeldEventsAndGoesOnWhenHalfAreDone) {
    config_.held_events = 4;
    auto& session = open();
    say(session, walker_event("0"));
    for (int i = 1; i <= 3; ++i) say(session, walker_event(std::to_string(i)));
    EXPECT_TRUE(session.reading());
    say(session, walker_event("4"));
    EXPECT_FALSE(session.reading());
    walker_done(session);
    EXPECT_FALSE(session.reading());
    const auto changes = session.changes;
    walker_done(session);
    EXPECT_TRUE(session.reading());
    EXPECT_GT(session.changes, changes);
    for (int i = 2; i <= 4; ++i) {
        EXPECT_EQ(session.walkers.at(0).id, std::to_string(i));
        walker_done(session);
    }
    EXPECT_FALSE(session.busy());
}

TEST_F(SessionTest, PausesReadingAtTheBytesOfALargestMessage) {
    config_.max_message_bytes = 1000;
    auto& session = open();
    say(session, walker_event("0"));
    const auto large = R"({"type":"connection","x":")" + std::string(500, 'x') + "\"}";
    say(session, large);
    EXPECT_TRUE(session.reading());
    say(session, large);
    EXPECT_FALSE(session.reading());
    walker_done(session);
    EXPECT_TRUE(session.reading());
    EXPECT_EQ(texts(session).size(), 2U);

    say(session, walker_event("1"));
    say(session, large);
    EXPECT_TRUE(session.reading()) << "what has been done no longer counts";
    walker_done(session);
}

TEST_F(SessionTest, AnswersPingsWhileAWalkerRuns) {
    auto& session = open();
    say(session, walker_event("0"));
    receive(session, ClientFrame{.opcode = 9, .payload = "are you there"}.bytes());
    EXPECT_EQ(session.take_frames(), (std::vector<ServerFrame>{{Opcode::pong, "are you there"}}));
    walker_done(session);
}

TEST_F(SessionTest, WorksThroughWhatItHoldsAfterItsSocketIsLostAndLeavesAtOnce) {
    auto& session = open("red", user(7));
    auto& other = open("red");
    receive(session, text_frame(walker_event("1")) +
                         text_frame(channel_event("red", R"({"n":1})")) +
                         text_frame(walker_event("2")));
    const auto origin = session.walkers[0].origin;
    session.lost();
    EXPECT_EQ(hub_.size(), 1U);
    EXPECT_EQ(context_.counters.sessions.value(), 1U);
    EXPECT_FALSE(origin.alive());
    EXPECT_TRUE(session.ended());
    EXPECT_TRUE(session.busy());
    EXPECT_EQ(session.deadline(), TimePoint::max());
    walker_done(session, "nobody hears this");
    EXPECT_EQ(texts(other), Texts{R"({"n":1})"});
    ASSERT_EQ(session.walkers.size(), 1U);
    EXPECT_EQ(session.walkers[0].identity, user(7));
    EXPECT_FALSE(session.walkers[0].origin.alive());
    EXPECT_TRUE(session.busy());
    walker_done(session, "nor this");
    EXPECT_FALSE(session.busy());
    EXPECT_EQ(session.take_sent(), "");
}

TEST_F(SessionTest, CanGoWhileItWaitsForItsFlush) {
    auto& session = open("red");
    auto& other = open("red");
    auto bytes = text_frame(channel_event("red", R"({"n":1})"));
    session.receive(bytes);
    destroy(session);
    hub_.flush();
    EXPECT_EQ(texts(other), Texts{R"({"n":1})"});
}

// --- draining

TEST_F(SessionTest, TakesNoNewEventsWhileDrainingButFinishesTheOneThatRuns) {
    auto& session = open();
    receive(session, text_frame(walker_event("1")) + text_frame(connection_event));
    session.drain();
    say(session, connection_event);
    EXPECT_EQ(texts(session), Texts{});
    receive(session, ClientFrame{.opcode = 9}.bytes());
    EXPECT_EQ(session.take_frames().at(0).opcode, Opcode::pong);
    walker_done(session, "reply");
    hub_.flush();
    const auto frames = session.take_frames();
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames.at(0).payload, "reply");
    EXPECT_EQ(frames.at(1).payload, close_payload(CloseCode::going_away));
    EXPECT_FALSE(session.busy());
}

TEST_F(SessionTest, SaysGoodbyeAtOnceWhenItDrainsAndNoWalkerRuns) {
    auto& session = open();
    session.drain();
    hub_.flush();
    EXPECT_EQ(close_code(session), 1001U);
}

}  // namespace
}  // namespace jac::cloud
