// What a policy has answered, and for how long that is kept.
#include "pubsub/policy.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace jac::cloud {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

class PolicyTest : public testing::Test {
  protected:
    static Config config() {
        Config config;
        config.client_events_policy_answers = 3;
        config.client_events_policy_ttl = 10;
        return config;
    }

    static Identity holder(const std::string& user) {
        return {{0, std::hash<std::string>{}(user)},
                true,
                std::make_shared<const Claims>(Claims{user, "1", 0, std::int64_t{1} << 40, 0})};
    }

    // What is known; nullopt: it has to be asked.
    std::optional<Verdict> known(const Identity& who, std::string_view channel) {
        const auto considered = policy_.may_join(who, channel, now_);
        const auto* verdict = std::get_if<Verdict>(&considered);
        return verdict == nullptr ? std::nullopt : std::optional(*verdict);
    }

    void learn(const Identity& who, std::string_view channel, std::optional<bool> answer) {
        const auto considered = policy_.may_join(who, channel, now_);
        policy_.settle(std::get<PolicyQuestion>(considered), answer, now_);
    }

    static Targets channels(std::vector<std::string_view> names) {
        return {TargetKind::channel, names};
    }

    LogSink log_;
    Policy policy_{config()};
    PolicyAnswers::TimePoint now_{std::chrono::hours(1)};
    Identity ann_ = holder("ann");
    Identity bob_ = holder("bob");
};

TEST_F(PolicyTest, AllowsEverythingUntilAWalkerIsSet) {
    EXPECT_EQ(known({}, "lobby"), Verdict::allowed);
    policy_.set_walker("may", false, log_);
    EXPECT_EQ(known({}, "lobby"), std::nullopt);
}

TEST_F(PolicyTest, KeepsAnAnswerForItsUserItsActionAndItsTargetAlone) {
    policy_.set_walker("may", false, log_);
    learn(ann_, "red", true);
    learn(bob_, "red", false);
    EXPECT_EQ(known(ann_, "red"), Verdict::allowed);
    EXPECT_EQ(known(bob_, "red"), Verdict::refused);
    EXPECT_EQ(known({}, "red"), std::nullopt);
    EXPECT_EQ(known(ann_, "blue"), std::nullopt);
    const auto sending = policy_.may_send(ann_, channels({"red"}), now_);
    EXPECT_TRUE(std::holds_alternative<PolicyQuestion>(sending));
    EXPECT_EQ(policy_.counters().questions.value(), 2U);
}

TEST_F(PolicyTest, AsksAnewOnceAnAnswerIsTooOld) {
    policy_.set_walker("may", false, log_);
    learn(ann_, "red", true);
    now_ += 9999ms;
    EXPECT_EQ(known(ann_, "red"), Verdict::allowed);
    now_ += 1ms;
    EXPECT_EQ(known(ann_, "red"), std::nullopt);
}

TEST_F(PolicyTest, KeepsNoMoreAnswersThanItsSettingAllowsAndThoseUsedLast) {
    policy_.set_walker("may", false, log_);
    for (const auto* channel : {"1", "2", "3"}) learn(ann_, channel, true);
    EXPECT_EQ(known(ann_, "1"), Verdict::allowed);
    learn(ann_, "4", true);
    EXPECT_EQ(known(ann_, "2"), std::nullopt);
    for (const auto* channel : {"1", "3", "4"}) EXPECT_EQ(known(ann_, channel), Verdict::allowed);
}

TEST_F(PolicyTest, KeepsNothingOfAFailureNorOfATargetThatIsLongerThanAnyChannel) {
    policy_.set_walker("may", false, log_);
    learn(ann_, "red", std::nullopt);
    EXPECT_EQ(known(ann_, "red"), std::nullopt);
    const std::string longest(255, 'x');
    learn(ann_, longest, true);
    learn(ann_, longest + "x", true);
    EXPECT_EQ(known(ann_, longest), Verdict::allowed);
    EXPECT_EQ(known(ann_, longest + "x"), std::nullopt);
}

TEST_F(PolicyTest, ForgetsAllOfAUserAndNothingOfOthers) {
    policy_.set_walker("may", false, log_);
    learn(ann_, "red", true);
    learn(bob_, "red", true);
    learn({}, "red", true);
    policy_.forget("ann");
    EXPECT_EQ(known(ann_, "red"), std::nullopt);
    EXPECT_EQ(known(bob_, "red"), Verdict::allowed);
    policy_.forget(Identity{});
    EXPECT_EQ(known({}, "red"), Verdict::allowed) << "everyone's, and nobody's to lose";
}

TEST_F(PolicyTest, DoesNotKeepWhatWasAskedBeforeAnswersWereForgotten) {
    policy_.set_walker("may", false, log_);
    const auto considered = policy_.may_join(ann_, "red", now_);
    policy_.forget("ann");
    EXPECT_EQ(policy_.settle(std::get<PolicyQuestion>(considered), true, now_), Verdict::allowed);
    EXPECT_EQ(known(ann_, "red"), std::nullopt);
}

TEST_F(PolicyTest, AsksOnceForAllTargetsThatItDoesNotKnow) {
    policy_.set_walker("may", false, log_);
    learn(ann_, "red", true);
    auto considered = policy_.may_send(ann_, channels({"b", "a", "a"}), now_);
    auto question = std::get<PolicyQuestion>(considered);
    EXPECT_EQ(json::parse(question.fields()),
              json::parse(R"({"action":"send","kind":"channel","targets":["a","b"]})"));
    policy_.settle(question, true, now_);
    considered = policy_.may_send(ann_, channels({"a", "c"}), now_);
    question = std::get<PolicyQuestion>(considered);
    EXPECT_EQ(question.targets, std::vector<std::string>{"c"});
    EXPECT_EQ(policy_.settle(question, false, now_), Verdict::refused);
    // One that is known to be refused needs no question for the others.
    considered = policy_.may_send(ann_, channels({"c", "d"}), now_);
    EXPECT_EQ(std::get<Verdict>(considered), Verdict::refused);
}

TEST_F(PolicyTest, TakesARefusalOfSeveralForNoneOfThem) {
    policy_.set_walker("may", false, log_);
    const auto both = policy_.may_send(ann_, channels({"a", "b"}), now_);
    policy_.settle(std::get<PolicyQuestion>(both), false, now_);
    const auto one = policy_.may_send(ann_, channels({"a"}), now_);
    EXPECT_TRUE(std::holds_alternative<PolicyQuestion>(one));
}

TEST_F(PolicyTest, NamesUsersInOneSpelling) {
    policy_.set_walker("may", false, log_);
    const std::vector<std::string_view> spellings{
        "n::00000000000000000000000000000007", "n::000000000000000000000007",
        "00000000000000000000000000000007", "n:user:7", "nobody"};
    const auto considered = policy_.may_send(ann_, {TargetKind::user, spellings}, now_);
    const auto& question = std::get<PolicyQuestion>(considered);
    EXPECT_EQ(question.targets, std::vector<std::string>{"n::000000000000000000000007"});
    EXPECT_EQ(json::parse(question.fields())["kind"], "user");
}

TEST_F(PolicyTest, RefusesThePublicUserUnaskedWhereItsWalkerWantsAUser) {
    policy_.set_walker("may", true, log_);
    EXPECT_EQ(known({}, "red"), Verdict::refused);
    EXPECT_EQ(known(ann_, "red"), std::nullopt);
    EXPECT_EQ(policy_.counters().refused.value(), 1U);
    EXPECT_EQ(policy_.counters().questions.value(), 0U);
}

TEST_F(PolicyTest, IsAskedByAJobThatOneTrueAllows) {
    policy_.set_walker("may", false, log_);
    const auto considered = policy_.may_join(ann_, "a\"b", now_);
    const auto& question = std::get<PolicyQuestion>(considered);
    std::vector<std::optional<bool>> answers;
    const auto decided = [&answers](std::optional<bool> answer) { answers.push_back(answer); };
    for (const auto* reports : {"[true]", "[false]", "[]", "[true,true]", "[1]", "[\"true\"]"}) {
        auto job = policy_.ask(question, decided);
        EXPECT_EQ(job.request().walker, "may");
        EXPECT_EQ(job.request().identity, ann_);
        EXPECT_EQ(json::parse(job.request().context),
                  json::parse(R"({"action":"join","kind":"channel","targets":["a\"b"]})"));
        job.finish({reports});
        job.fail(ReplyError::walker_failed, {});
    }
    policy_.ask(question, decided).fail(ReplyError::conflict, {});
    {
        const auto dropped = policy_.ask(question, decided);
    }
    const std::vector<std::optional<bool>> expected{true,  false, false,        false,
                                                    false, false, std::nullopt, std::nullopt};
    EXPECT_EQ(answers, expected);
}

TEST_F(PolicyTest, LogsARefusalAndAFailureOnceASecondAndHowManyMoreThereWere) {
    policy_.set_walker("may", false, log_);
    for (int i = 0; i < 5; ++i) learn(ann_, "no" + std::to_string(i), false);
    learn(ann_, "red", std::nullopt);
    now_ += 1s;
    learn(ann_, "never", false);
    log_.close();
    const auto records = log_.take();
    ASSERT_EQ(records->size(), 3U);
    EXPECT_EQ((*records)[0].event, "policy_refused");
    EXPECT_EQ((*records)[1].event, "policy_failed");
    EXPECT_EQ((*records)[1].level, LogLevel::warning);
    const auto more = std::pair<std::string, std::string>("more_before", "4");
    EXPECT_NE(std::ranges::find((*records)[2].fields, more), (*records)[2].fields.end());
    EXPECT_EQ(policy_.counters().refused.value(), 6U);
    EXPECT_EQ(policy_.counters().failed.value(), 1U);
}

}  // namespace
}  // namespace jac::cloud
