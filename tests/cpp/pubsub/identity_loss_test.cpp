// Tokens that end under a session.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "pubsub/collecting_session.hpp"

namespace jac::cloud {
namespace {

constexpr std::int64_t never = std::int64_t{1} << 40;

class IdentityLoss : public SessionTest {
  protected:
    static Identity holder(std::string user, std::string token, std::int64_t expires_at = never,
                           std::uint64_t epoch = 0, std::uint64_t checked_at = 0) {
        return {{0, std::hash<std::string>{}(user)},
                true,
                std::make_shared<const Claims>(
                    Claims{std::move(user), std::move(token), epoch, expires_at, checked_at})};
    }

    CollectingSession& open_as(const Identity& identity) { return open("lobby", identity); }

    void revoke(const Revocation& revocation) {
        hub_.revoke(revocation, ++revocations_);
        hub_.flush();
    }

    void expire(std::int64_t now) {
        hub_.expire(now);
        hub_.flush();
    }

    std::uint64_t revocations_ = 0;
};

TEST_F(IdentityLoss, ARevokedTokenClosesItsSessionsAndNoOthers) {
    auto& first = open_as(holder("ann", "1"));
    auto& again = open_as(holder("ann", "1"));
    auto& other_token = open_as(holder("ann", "2"));
    auto& other_user = open_as(holder("bob", "1"));
    auto& nobody = open();
    revoke({.user_id = "ann", .token_id = "1"});
    EXPECT_EQ(close_code(first), 4401U);
    EXPECT_EQ(close_code(again), 4401U);
    for (auto* session : {&other_token, &other_user, &nobody}) {
        EXPECT_EQ(close_code(*session), 0U);
    }
    EXPECT_EQ(context_.counters.identities_lost.value(), 2U);
}

TEST_F(IdentityLoss, ARevocationOfAllTokensSparesTheNewOnesAndTheOneNamed) {
    auto& old = open_as(holder("ann", "old", never, 6));
    auto& spared = open_as(holder("ann", "spared", never, 6));
    auto& later = open_as(holder("ann", "later", never, 7));
    auto& prefix = open_as(holder("anna", "old", never, 6));
    revoke({.user_id = "ann", .spared = "spared", .number = 7});
    EXPECT_EQ(close_code(old), 4401U);
    for (auto* session : {&spared, &later, &prefix}) EXPECT_EQ(close_code(*session), 0U);
}

TEST_F(IdentityLoss, AnExpiredTokenClosesItsSessionInTheSecondOfItsExpiry) {
    auto& session = open_as(holder("ann", "1", 1000));
    auto& later = open_as(holder("ann", "2", 1001));
    expire(999);
    EXPECT_EQ(close_code(session), 0U);
    expire(1000);
    EXPECT_EQ(close_code(session), 4401U);
    EXPECT_EQ(close_code(later), 0U);
    expire(2000);
    EXPECT_EQ(close_code(later), 4401U);
}

TEST_F(IdentityLoss, WhoChangedTheUserIsNoLongerOfTheTokenBefore) {
    auto& session = open_as(holder("ann", "1", 1000));
    say(session, R"({"type":"change_user","token":"t"})");
    token_checked(session, holder("bob", "2"));
    session.take_sent();
    expire(1000);
    revoke({.user_id = "ann", .token_id = "1"});
    EXPECT_EQ(close_code(session), 0U);
    revoke({.user_id = "bob", .token_id = "2"});
    EXPECT_EQ(close_code(session), 4401U);
}

TEST_F(IdentityLoss, NothingOfTheUserIsDeliveredAfterwardsAndItsWalkerRunsOnForNobody) {
    auto& session = open_as(holder("ann", "1"));
    say(session, R"({"type":"walker","walker":"open","response":true})");
    const Origin origin = session.walkers.at(0).origin;
    revoke({.user_id = "ann", .token_id = "1"});
    session.take_sent();
    EXPECT_FALSE(origin.send(std::make_shared<Message>("late")));
    EXPECT_EQ(
        hub_.publish(Targets(TargetKind::channel, std::vector<std::string_view>{"lobby"}), "late"),
        0U);
    walker_done(session, R"({"type":"walker"})");
    EXPECT_EQ(session.take_sent(), "");
}

TEST_F(IdentityLoss, WhatTheSessionHeldBackIsWithoutEffect) {
    for (const bool socket_lost_first : {false, true}) {
        auto& session = open_as(holder("ann", "1", never, 0, revocations_));
        auto& other = open();
        say(session, R"({"type":"walker","walker":"open"})");
        say(session, R"({"type":"walker","walker":"open"})");
        say(session, R"({"type":"channel","channel_ids":["lobby"],"data":{}})");
        if (socket_lost_first) session.lost();
        revoke({.user_id = "ann", .token_id = "1"});
        walker_done(session);
        EXPECT_TRUE(session.walkers.empty());
        EXPECT_FALSE(session.busy());
        EXPECT_EQ(texts(other).size(), 0U);
    }
}

// A check reads the store, then the token is revoked, then the session is opened by what the check
// had found.
TEST_F(IdentityLoss, ARevocationBetweenTheCheckAndTheOpeningIsNotMissed) {
    const auto before = holder("ann", "1", never, 0, revocations_);
    revoke({.user_id = "bob", .number = 1});
    revoke({.user_id = "ann", .token_id = "1"});
    const auto after = holder("ann", "1", never, 0, revocations_);
    sessions_.push_back(
        std::make_unique<CollectingSession>(context_, ++last_number_, "late", "lobby", before));
    auto& late = *sessions_.back();
    late.open("");
    hub_.flush();
    const auto frames = late.take_frames();
    ASSERT_EQ(frames.size(), 1U) << "nothing but the goodbye";
    EXPECT_EQ(frames[0].opcode, Opcode::close);
    EXPECT_EQ(close_code(open_as(after)), 0U) << "the store knew of it, and found it good";
}

TEST_F(IdentityLoss, ARevocationDuringTheCheckOfAChangeOfUserRefusesTheToken) {
    auto& session = open();
    say(session, R"({"type":"change_user","token":"t"})");
    const auto checked = holder("ann", "1", never, 0, revocations_);
    revoke({.user_id = "ann", .number = 9});
    token_checked(session, checked);
    const auto answers = texts(session);
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_NE(answers[0].find("invalid_token"), std::string::npos);
    EXPECT_FALSE(session.identity().authenticated);
}

TEST_F(IdentityLoss, ACheckThatIsOlderThanWhatIsRememberedIsNotTrusted) {
    const auto identity = holder("ann", "1", never, 0, revocations_);
    for (int i = 0; i < 1024; ++i) revoke({.user_id = "user" + std::to_string(i), .number = 1});
    EXPECT_FALSE(hub_.tokens().revoked_meanwhile(identity));
    revoke({.user_id = "one more", .number = 1});
    EXPECT_TRUE(hub_.tokens().revoked_meanwhile(identity));
}

TEST_F(IdentityLoss, AThousandSessionsOfOneUserAllEnd) {
    std::vector<CollectingSession*> all;
    for (int i = 0; i < 1000; ++i) all.push_back(&open_as(holder("ann", std::to_string(i))));
    revoke({.user_id = "ann", .number = 1});
    for (auto* session : all) EXPECT_EQ(close_code(*session), 4401U);
}

}  // namespace
}  // namespace jac::cloud
