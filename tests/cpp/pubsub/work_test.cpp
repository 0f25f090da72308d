#include "pubsub/work.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace jac::cloud {
namespace {

using nlohmann::json;
using Replies = std::vector<std::string>;

WalkerJob job(Replies& replies, bool response, std::string id = {}) {
    return {{.walker = "hello",
             .context = "{}",
             .node = {},
             .id = std::move(id),
             .response = response,
             .identity = {},
             .origin = {}},
            [&replies](std::string reply, auto) { replies.push_back(std::move(reply)); }};
}

TEST(WalkerJob, AnswersWithReportsWhenTheyAreWanted) {
    Replies replies;
    job(replies, true, "3").finish({"[1]"});
    EXPECT_EQ(replies,
              Replies{R"({"type":"walker","walker":"hello","status":200,"reports":[1],"id":3})"});
}

TEST(WalkerJob, AnswersWithAnAckWhenOnlyAnIdAsksForOne) {
    Replies replies;
    job(replies, false, "\"a\"").finish({"[1]"});
    EXPECT_EQ(replies, Replies{R"({"type":"ack","id":"a"})"});
}

TEST(WalkerJob, AnswersWithNothingToSendWhenNothingIsWanted) {
    Replies replies;
    job(replies, false).finish({"[1]"});
    EXPECT_EQ(replies, Replies{""});
}

TEST(WalkerJob, TellsAnErrorAlwaysInItsOwnOrInOtherWords) {
    Replies replies;
    job(replies, false).fail(ReplyError::timeout, {});
    job(replies, false, "1").fail(ReplyError::walker_failed, R"("Oh no")", "ab12");
    ASSERT_EQ(replies.size(), 2U);
    EXPECT_EQ(replies[0],
              R"({"type":"walker","error":"The walker took too long!","code":"timeout"})");
    EXPECT_EQ(replies[1],
              R"({"type":"walker","error":"Oh no","code":"walker_failed","ref":"ab12","id":1})");
}

TEST(WalkerJob, CountsAsFailedWhenItIsDropped) {
    Replies replies;
    {
        const auto dropped = job(replies, true, "9");
    }
    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(json::parse(replies[0])["code"], "walker_failed");
    EXPECT_EQ(json::parse(replies[0])["id"], 9);
}

TEST(WalkerJob, IsAnsweredOnceWhateverIsCalled) {
    Replies replies;
    {
        auto first = job(replies, true);
        first.finish({"[]"});
        first.finish({"[]"});
        first.fail(ReplyError::conflict, {});
        const auto moved = std::move(first);
    }
    EXPECT_EQ(replies.size(), 1U);
    {
        auto first = job(replies, true);
        auto moved = std::move(first);
        moved.finish({"[]"});
    }
    EXPECT_EQ(replies.size(), 2U);
}

TEST(TokenCheck, IsAnsweredOnceAndUncheckedWhenItIsDropped) {
    const auto later = std::chrono::steady_clock::now() + std::chrono::hours(1);
    std::vector<TokenAnswer> answers;
    const auto done = [&answers](const TokenAnswer& answer) { answers.push_back(answer); };
    const Identity user{{0, 5}, true};
    {
        TokenCheck check("token", 0, later, done);
        EXPECT_EQ(check.token(), "token");
        check.answer(user);
        check.answer(TokenProblem::invalid);
    }
    EXPECT_EQ(answers, (std::vector<TokenAnswer>{user}));
    {
        TokenCheck check("token", 0, later, done);
        const TokenCheck moved(std::move(check));
    }
    EXPECT_EQ(answers, (std::vector<TokenAnswer>{user, TokenProblem::unchecked}));
}

}  // namespace
}  // namespace jac::cloud
