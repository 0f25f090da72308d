#include "server/joint_sends.hpp"

#include <gtest/gtest.h>

namespace jac::cloud {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t many = 1000;  // sends, which take about 5 ms

int rounds_until_next_wait(JointSends& joint) {
    int left_out = 0;
    while (!joint.begin(many)) ++left_out;
    return left_out;
}

TEST(JointSends, WaitBeforeManySendsAndNotBeforeAFew) {
    JointSends joint;
    EXPECT_FALSE(joint.begin(0));
    EXPECT_FALSE(joint.begin(JointSends::least_sends - 1));
    EXPECT_TRUE(joint.begin(JointSends::least_sends));
}

TEST(JointSends, YieldAFewTimesAtMost) {
    JointSends joint;
    ASSERT_TRUE(joint.begin(many));
    for (int i = 0; i < JointSends::most_yields; ++i) EXPECT_TRUE(joint.yields(0us));
    EXPECT_FALSE(joint.yields(0us));
}

TEST(JointSends, YieldAgainInTheNextRound) {
    JointSends joint;
    ASSERT_TRUE(joint.begin(many));
    while (joint.yields(0us)) {
    }
    joint.end(1us, 1);
    ASSERT_TRUE(joint.begin(many));
    EXPECT_TRUE(joint.yields(0us));
}

TEST(JointSends, DoNotWaitLongerThanTheSendsTake) {
    JointSends joint;
    ASSERT_TRUE(joint.begin(100));
    EXPECT_TRUE(joint.yields(499us));
    EXPECT_FALSE(joint.yields(500us));
}

TEST(JointSends, DoNotWaitForLongHoweverManySendsThereAre) {
    JointSends joint;
    ASSERT_TRUE(joint.begin(100'000));
    EXPECT_TRUE(joint.yields(1999us));
    EXPECT_FALSE(joint.yields(JointSends::longest_wait));
}

TEST(JointSends, LeaveOutSomeRoundsAfterAWaitThatBroughtNothing) {
    JointSends joint;
    ASSERT_TRUE(joint.begin(many));
    joint.end(10us, 0);
    EXPECT_EQ(rounds_until_next_wait(joint), JointSends::rounds_left_out);
}

TEST(JointSends, LeaveOutSomeRoundsAfterAWaitThatWasDearerThanTheSendsItSaved) {
    JointSends joint;
    ASSERT_TRUE(joint.begin(100));
    joint.end(4ms, 1);  // a walker that computes has had the core
    EXPECT_EQ(rounds_until_next_wait(joint), JointSends::rounds_left_out);
}

TEST(JointSends, WaitAgainAfterAWaitThatSavedMoreThanItTook) {
    JointSends joint;
    ASSERT_TRUE(joint.begin(many));
    joint.end(2ms, 3);
    EXPECT_EQ(rounds_until_next_wait(joint), 0);
}

}  // namespace
}  // namespace jac::cloud
