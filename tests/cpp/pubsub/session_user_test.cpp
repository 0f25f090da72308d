#include <gtest/gtest.h>

#include <string>

#include "pubsub/session_events.hpp"

// How a session becomes another user's, and what it sends and is sent meanwhile.
namespace jac::cloud {
namespace {

using nlohmann::json;

TEST_F(SessionTest, ChangesItsUserWhenTheTokenIsGood) {
    auto& session = open("lobby", user(7));
    say(session, R"({"type":"change_user","token":"Bearer abc","id":1})");
    EXPECT_EQ(session.tokens, std::deque<std::string>{"abc"});
    EXPECT_EQ(texts(session), Texts{});
    EXPECT_TRUE(session.busy());
    EXPECT_EQ(session.identity(), user(7));
    token_checked(session, user(8));
    EXPECT_EQ(texts(session), Texts{connection_frame(session, root_of_8, "1")});
    EXPECT_EQ(session.identity(), user(8));
    EXPECT_FALSE(session.busy());
    // The id was that event's alone.
    say(session, R"({"type":"change_user","token":"abc"})");
    token_checked(session, user(7));
    EXPECT_EQ(texts(session), Texts{connection_frame(session, root_of_7)});
}

TEST_F(SessionTest, BecomesThePublicUserWhenTheTokenIsBadAfterAnError) {
    auto& session = open("lobby", user(7));
    say(session, R"({"type":"change_user","token":"bad","id":"i"})");
    token_checked(session, TokenProblem::invalid);
    const auto answers = texts(session);
    ASSERT_EQ(answers.size(), 2U);
    const auto error = json::parse(answers[0]);
    EXPECT_EQ(error["type"], "change_user");
    EXPECT_EQ(error["code"], "invalid_token");
    EXPECT_EQ(error["id"], "i");
    EXPECT_EQ(answers[1], connection_frame(session, public_root_id, "\"i\""));
    EXPECT_EQ(session.identity(), Identity{});
    EXPECT_EQ(hub_.publish({TargetKind::user, std::vector<std::string_view>{root_of_7}}, "secret"),
              0U);
}

TEST_F(SessionTest, KeepsItsUserWhenATokenIsNotCheckedInTimeAndIgnoresALateAnswer) {
    auto& session = open("lobby", user(7));
    receive(session, text_frame(R"({"type":"change_user","token":"slow","id":1})") +
                         text_frame(connection_event));
    const auto slow = session.check;
    pass(session, std::chrono::milliseconds(9999));
    EXPECT_EQ(texts(session), Texts{});
    pass(session, std::chrono::milliseconds(1));
    const auto answers = texts(session);
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(json::parse(answers[0])["code"], "unavailable");
    EXPECT_EQ(json::parse(answers[0])["id"], 1);
    EXPECT_EQ(answers[1], connection_frame(session, root_of_7)) << "what was held back goes on";
    EXPECT_EQ(limits_.count(Limit::handshake_timeout), 1U);

    say(session, R"({"type":"change_user","token":"next"})");
    session.token_checked(slow, user(8));
    hub_.flush();
    EXPECT_EQ(texts(session), Texts{});
    EXPECT_EQ(session.identity(), user(7));
    session.token_checked(user(9));
    hub_.flush();
    EXPECT_EQ(session.identity(), user(9));
}

TEST_F(SessionTest, BecomesThePublicUserWithoutAToken) {
    for (const auto* event :
         {R"({"type":"change_user"})", R"({"type":"change_user","token":null})"}) {
        auto& session = open("lobby", user(7));
        EXPECT_EQ(ask(session, event), Texts{connection_frame(session, public_root_id)});
        EXPECT_EQ(session.identity(), Identity{});
        EXPECT_TRUE(session.tokens.empty());
    }
}

TEST_F(SessionTest, HoldsBackWhatComesAfterAChangeOfUser) {
    auto& session = open();
    receive(session, text_frame(R"({"type":"change_user","token":"t"})") +
                         text_frame(walker_event("1", "closed")));
    EXPECT_TRUE(session.walkers.empty());
    token_checked(session, user(7));
    ASSERT_EQ(session.walkers.size(), 1U);
    EXPECT_EQ(session.walkers[0].identity, user(7));
    walker_done(session);
}

TEST_F(SessionTest, SendsNothingOfTheUserBeforeOnceItIsAnother) {
    auto& session = open("lobby", user(7));
    receive(session, text_frame(walker_event("1", "closed")) +
                         text_frame(R"({"type":"change_user","token":"t"})"));
    const auto origin = session.walkers[0].origin;
    // The walker of before keeps its user; a change waits for its end.
    EXPECT_TRUE(session.tokens.empty());
    origin.send(std::make_shared<const Message>("progress"));
    port_->run(hub_);
    EXPECT_EQ(texts(session), Texts{"progress"});
    walker_done(session, "reply");
    EXPECT_EQ(texts(session), Texts{"reply"});
    // What its helper threads send on while the token is checked is still that user's own.
    EXPECT_TRUE(origin.send(std::make_shared<const Message>("late")));
    const auto to_user_7 = std::make_shared<const Publication>(
        Publication{{TargetKind::user, std::vector<std::string_view>{root_of_7}},
                    std::make_shared<const Message>("secret")});
    broker_.publish(to_user_7);
    EXPECT_EQ(port_->deliveries.size(), 2U);
    token_checked(session, user(8));
    EXPECT_EQ(texts(session), Texts{connection_frame(session, root_of_8)});
    // Both were on their way when the user changed: neither arrives.
    port_->run(hub_);
    EXPECT_EQ(texts(session), Texts{});
    EXPECT_FALSE(origin.send(std::make_shared<const Message>("later")));
    EXPECT_EQ(broker_.publish(to_user_7), 0U);
    // Not even when it becomes the same user again: that is another generation.
    say(session, R"({"type":"change_user","token":"t"})");
    token_checked(session, user(7));
    texts(session);
    EXPECT_FALSE(origin.send(std::make_shared<const Message>("later")));
    EXPECT_EQ(broker_.publish(to_user_7), 1U);
    port_->run(hub_);
    EXPECT_EQ(texts(session), Texts{"secret"});
}

TEST_F(SessionTest, ChangesItsUserAfterItsSocketIsLostWithoutAnswering) {
    auto& session = open("lobby", user(7));
    receive(session, text_frame(R"({"type":"change_user","token":"t"})") +
                         text_frame(walker_event("1", "closed")));
    session.lost();
    token_checked(session, user(8));
    EXPECT_EQ(session.take_sent(), "");
    ASSERT_EQ(session.walkers.size(), 1U);
    EXPECT_EQ(session.walkers[0].identity, user(8));
    EXPECT_FALSE(session.walkers[0].origin.alive());
    EXPECT_TRUE(hub_.empty());
    walker_done(session);
}

TEST_F(SessionTest, KeepsItsChannelWhenItsUserChanges) {
    auto& session = open("red", user(7));
    ask(session, R"({"type":"change_user"})");
    EXPECT_EQ(ask(session, channel_event("red", R"({"n":1})")), Texts{R"({"n":1})"});
}

}  // namespace
}  // namespace jac::cloud
