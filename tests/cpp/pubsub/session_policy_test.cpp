// A session while the app's policy is asked, and what follows from the answer.
#include <gtest/gtest.h>

#include <string>

#include "pubsub/session_events.hpp"

namespace jac::cloud {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class SessionPolicy : public SessionTest {
  protected:
    SessionPolicy() { context_.policy.set_walker("may", false, log_); }

    static Identity holder(const std::string& user, std::uint64_t checked_at = 0) {
        return {{0, user == "ann" ? 7U : 8U},
                true,
                std::make_shared<const Claims>(
                    Claims{user, "1", 0, std::int64_t{1} << 40, checked_at})};
    }

    void decide(CollectingSession& session, std::optional<bool> allowed) {
        const auto question = std::move(session.questions.front());
        session.questions.pop_front();
        session.policy_decided(question.number, allowed);
        hub_.flush();
    }

    static std::string code(const std::string& text) {
        return json::parse(text).value("code", "none");
    }

    void revoke(const std::string& user) {
        context_.policy.forget(user);
        hub_.revoke({.user_id = user, .token_id = "1"}, ++revocations_);
        hub_.flush();
    }

    std::uint64_t revocations_ = 0;
};

TEST_F(SessionPolicy, AnAllowedEventIsSentAndTheNextOneUnasked) {
    auto& session = open("lobby", holder("ann"));
    EXPECT_EQ(ask(session, channel_event("lobby", R"({"n": 1})")), Texts{});
    EXPECT_TRUE(session.busy());
    ASSERT_EQ(session.questions.size(), 1U);
    EXPECT_EQ(session.questions[0].identity.root, holder("ann").root);
    decide(session, true);
    EXPECT_EQ(texts(session), Texts{R"({"n": 1})"});
    EXPECT_FALSE(session.busy());
    EXPECT_EQ(ask(session, channel_event("lobby", R"({"n": 2})")), Texts{R"({"n": 2})"});
    EXPECT_TRUE(session.questions.empty());
}

TEST_F(SessionPolicy, ARefusedEventIsForbiddenAndOneWithoutAnAnswerUnavailable) {
    auto& session = open();
    say(session, R"({"type":"channel","channel_ids":["red"],"data":{},"id":5})");
    decide(session, false);
    const auto refused = texts(session);
    ASSERT_EQ(refused.size(), 1U);
    EXPECT_EQ(code(refused[0]), "forbidden");
    EXPECT_EQ(json::parse(refused[0])["id"], 5);
    EXPECT_EQ(error_code(session, channel_event("red", "{}")), "forbidden") << "known by now";
    say(session, channel_event("blue", "{}"));
    decide(session, std::nullopt);
    EXPECT_EQ(code(texts(session).at(0)), "unavailable");
    EXPECT_EQ(events(ReplyError::forbidden), 2U);
    EXPECT_EQ(events(ReplyError::unavailable), 1U);
}

TEST_F(SessionPolicy, ItsOwnEventsWaitInTheirOrderAndThoseOfOthersDoNot) {
    auto& session = open("lobby", holder("ann"));
    auto& other = open("other");
    receive(session, text_frame(channel_event("lobby", "{\"n\":1}")) +
                         text_frame(R"({"type":"connection","id":2})") +
                         text_frame(channel_event("lobby", "{\"n\":3}")));
    EXPECT_EQ(texts(session), Texts{});
    EXPECT_EQ(ask(other, connection_event), Texts{connection_frame(other, public_root_id)});
    decide(session, true);
    EXPECT_EQ(texts(session),
              (Texts{"{\"n\":1}", connection_frame(session, root_of_7, "2"), "{\"n\":3}"}));
}

TEST_F(SessionPolicy, PausesReadingWhenTooManyEventsWait) {
    auto& session = open();
    say(session, channel_event("red", "{}"));
    for (unsigned i = 0; i < config_.held_events; ++i) say(session, connection_event);
    EXPECT_FALSE(session.reading());
    decide(session, true);
    EXPECT_TRUE(session.reading());
    EXPECT_EQ(texts(session).size(), config_.held_events);
}

TEST_F(SessionPolicy, AMemberIsAskedAboutAgainAndStaysWhileItMay) {
    config_.ping_interval = 0;
    auto& session = open("lobby", holder("ann"));
    pass(session, 60s);
    ASSERT_EQ(session.questions.size(), 1U);
    EXPECT_EQ(session.questions[0].action, PolicyAction::join);
    EXPECT_EQ(session.questions[0].targets, std::vector<std::string>{"lobby"});
    EXPECT_FALSE(session.busy()) << "its events do not wait for that";
    EXPECT_EQ(ask(session, connection_event), Texts{connection_frame(session, root_of_7)});
    decide(session, true);
    EXPECT_EQ(texts(session), Texts{});
    EXPECT_EQ(session.channel_id(), "lobby");
    pass(session, 60s);
    EXPECT_EQ(session.questions.size(), 1U) << "and again";
}

TEST_F(SessionPolicy, AMemberWhoMayNotStayIsToldAndHearsNothingMoreOfTheChannel) {
    config_.ping_interval = 0;
    auto& session = open("lobby", holder("ann"));
    auto& other = open("lobby", holder("bob"));
    pass(session, 60s);
    decide(session, false);
    const auto told = texts(session);
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(code(told[0]), "forbidden");
    EXPECT_EQ(json::parse(told[0])["type"], "error");
    EXPECT_EQ(told[1], connection_frame(session, root_of_7));
    EXPECT_NE(session.channel_id(), "lobby");
    say(other, channel_event("lobby", "{}"));
    decide(other, true);
    EXPECT_EQ(texts(other), Texts{"{}"});
    EXPECT_EQ(texts(session), Texts{});
    pass(session, 600s);
    EXPECT_TRUE(session.questions.empty()) << "nobody else knows its channel now";
}

TEST_F(SessionPolicy, AMemberStaysWhereThePolicyHasNoAnswerAndIsAskedAboutLater) {
    config_.ping_interval = 0;
    auto& session = open("lobby", holder("ann"));
    pass(session, 60s);
    decide(session, std::nullopt);
    pass(session, 60s);
    ASSERT_EQ(session.questions.size(), 1U);
    const auto late = session.questions.front().number;
    session.questions.clear();
    pass(session, 2s);
    session.policy_decided(late, false);
    hub_.flush();
    EXPECT_EQ(texts(session), Texts{});
    EXPECT_EQ(session.channel_id(), "lobby");
    pass(session, 60s);
    EXPECT_EQ(session.questions.size(), 1U);
}

TEST_F(SessionPolicy, WhatWasAskedAboutTheUserBeforeDoesNotCount) {
    config_.ping_interval = 0;
    auto& session = open("lobby", holder("ann"));
    pass(session, 60s);
    const auto before = session.questions.front().number;
    session.questions.clear();
    say(session, R"({"type":"change_user"})");
    decide(session, true);
    session.take_sent();
    session.policy_decided(before, false);
    hub_.flush();
    EXPECT_EQ(texts(session), Texts{});
    EXPECT_EQ(session.channel_id(), "lobby");
}

TEST_F(SessionPolicy, WhoeverHasAChannelOfItsOwnIsNotAskedAbout) {
    config_.ping_interval = 0;
    CollectingSession session(context_, ++last_number_, "client", "own", holder("ann"));
    session.own_channel();
    session.open("HEAD");
    pass(session, 600s);
    EXPECT_TRUE(session.questions.empty());
}

TEST_F(SessionPolicy, AnAnswerThatIsTooLateChangesNothing) {
    auto& session = open();
    say(session, channel_event("red", "{}"));
    const auto number = session.questions.at(0).number;
    pass(session, 1999ms);
    EXPECT_EQ(texts(session), Texts{});
    pass(session, 1ms);
    EXPECT_EQ(code(texts(session).at(0)), "unavailable");
    EXPECT_FALSE(session.busy());
    session.policy_decided(number, true);
    hub_.flush();
    EXPECT_EQ(texts(session), Texts{});
    session.questions.clear();
    say(session, channel_event("red", "{}"));
    EXPECT_EQ(session.questions.size(), 1U) << "asked anew";
    session.policy_decided(number, true);
    EXPECT_TRUE(session.busy()) << "that was another question";
    decide(session, false);
}

TEST_F(SessionPolicy, AChangeOfUserWaitsForAnEventAndAsksForTheNewUser) {
    auto& session = open("red", holder("ann"));
    receive(session, text_frame(channel_event("red", "{\"n\":1}")) +
                         text_frame(R"({"type":"change_user","token":"t"})") +
                         text_frame(channel_event("red", "{\"n\":2}")));
    decide(session, true);
    EXPECT_EQ(texts(session), Texts{"{\"n\":1}"});
    session.tokens.pop_front();
    session.token_checked(holder("bob"));
    ASSERT_EQ(session.questions.size(), 1U);
    EXPECT_EQ(session.questions[0].action, PolicyAction::join);
    EXPECT_EQ(session.questions[0].identity.root, holder("bob").root);
    EXPECT_EQ(session.identity().root, holder("ann").root) << "until it is known what bob may";
    decide(session, true);
    EXPECT_EQ(texts(session), Texts{connection_frame(session, root_of_8)});
    EXPECT_EQ(session.channel_id(), "red");
    ASSERT_EQ(session.questions.size(), 1U) << "what ann may send is not what bob may";
    EXPECT_EQ(session.questions[0].identity.root, holder("bob").root);
    decide(session, false);
    EXPECT_EQ(code(texts(session).at(0)), "forbidden");
}

TEST_F(SessionPolicy, AUserWhoMayNotJoinTheChannelGetsOneOfItsOwn) {
    for (const auto answer : {std::optional(false), std::optional<bool>()}) {
        auto& session = open("red", holder("ann"));
        say(session, R"({"type":"change_user","token":"t","id":1})");
        session.tokens.pop_front();
        session.token_checked(holder("bob"));
        decide(session, answer);
        const auto told = texts(session);
        ASSERT_EQ(told.size(), 2U);
        EXPECT_EQ(code(told[0]), answer ? "forbidden" : "unavailable");
        EXPECT_EQ(json::parse(told[0])["id"], 1);
        EXPECT_EQ(session.identity().root, holder("bob").root);
        EXPECT_NE(session.channel_id(), "red");
        EXPECT_EQ(told[1], connection_frame(session, root_of_8, "1"));
        const auto publish = [this](std::string_view channel) {
            return hub_.publish({TargetKind::channel, std::vector{channel}}, "{}");
        };
        EXPECT_EQ(publish("red"), 0U);
        EXPECT_EQ(publish(session.channel_id()), 1U);
        hub_.flush();
        texts(session);
        // In a channel of its own it may be whoever it is.
        EXPECT_EQ(ask(session, R"({"type":"change_user"})"),
                  Texts{connection_frame(session, public_root_id)});
        EXPECT_TRUE(session.questions.empty());
        context_.policy.forget("bob");
    }
}

TEST_F(SessionPolicy, WhoLogsOutOrHasABadTokenLeavesAChannelThatIsNotForEveryone) {
    for (const auto* event :
         {R"({"type":"change_user"})", R"({"type":"change_user","token":"bad"})"}) {
        auto& session = open("red", holder("ann"));
        say(session, event);
        const bool bad = !session.tokens.empty();
        if (bad) token_checked(session, TokenProblem::invalid);
        if (!session.questions.empty()) decide(session, false);
        const auto told = texts(session);
        ASSERT_EQ(told.size(), 2U);
        EXPECT_EQ(code(told[0]), bad ? "invalid_token" : "forbidden");
        EXPECT_EQ(session.identity(), Identity{});
        EXPECT_NE(session.channel_id(), "red");
    }
}

TEST_F(SessionPolicy, NothingIsSentForAnIdentityThatIsLostMeanwhile) {
    auto& watcher = open("red");
    auto& session = open("red", holder("ann"));
    receive(session, text_frame(channel_event("red", "{}")) + text_frame(walker_event("1")));
    revoke("ann");
    EXPECT_EQ(close_code(session), 4401U);
    decide(session, true);
    EXPECT_EQ(texts(watcher), Texts{});
    EXPECT_TRUE(session.walkers.empty()) << "what waited is without effect";
    EXPECT_FALSE(session.busy());
    auto& again = open("red", holder("ann", revocations_));
    say(again, channel_event("red", "{}"));
    EXPECT_EQ(again.questions.size(), 1U) << "and the answer was not kept";
    decide(again, false);
}

TEST_F(SessionPolicy, AnEventOfALostSocketIsSentUnlessItsTokenIsTakenBack) {
    auto& watcher = open("red");
    for (const bool revoked : {false, true}) {
        auto& session = open("red", holder("ann"));
        say(session, channel_event("red", "{}"));
        session.lost();
        if (revoked) revoke("ann");
        decide(session, true);
        EXPECT_EQ(texts(watcher).size(), revoked ? 0U : 1U);
        context_.policy.forget("ann");
    }
}

TEST_F(SessionPolicy, ATokenThatIsTakenBackWhileTheChannelIsAskedForIsInvalid) {
    auto& session = open("red", holder("ann"));
    say(session, R"({"type":"change_user","token":"t"})");
    session.tokens.pop_front();
    session.token_checked(holder("bob"));
    revoke("bob");
    decide(session, true);
    const auto told = texts(session);
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(code(told[0]), "invalid_token");
    EXPECT_EQ(session.identity(), Identity{});
    EXPECT_NE(session.channel_id(), "red") << "nobody was asked about the public user";
}

TEST_F(SessionPolicy, ClientEventsForbidsBeforeThePolicyIsAsked) {
    config_.client_events = ClientEvents::nobody;
    auto& session = open();
    EXPECT_EQ(error_code(session, channel_event("red", "{}")), "forbidden");
    EXPECT_TRUE(session.questions.empty());
}

TEST_F(SessionTest, KeepsItsUserWhenATokenCannotBeChecked) {
    auto& session = open("lobby", user(7));
    receive(session, text_frame(R"({"type":"change_user","token":"t","id":3})") +
                         text_frame(connection_event));
    token_checked(session, TokenProblem::unchecked);
    const auto told = texts(session);
    ASSERT_EQ(told.size(), 2U);
    const auto error = json::parse(told[0]);
    EXPECT_EQ(error["type"], "change_user");
    EXPECT_EQ(error["code"], "unavailable");
    EXPECT_EQ(error["id"], 3);
    EXPECT_EQ(told[1], connection_frame(session, root_of_7)) << "of the event behind it";
    EXPECT_EQ(session.identity(), user(7));
}

}  // namespace
}  // namespace jac::cloud
