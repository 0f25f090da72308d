#include "base/worker_pace.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace jac::cloud {
namespace {

using namespace std::chrono_literals;
using Duration = std::chrono::steady_clock::duration;

// A thread whose processor time is what the test says.
class Thread {
  public:
    void compute(Duration time) const { it_->had += time; }
    // Whether it does so, or would if others left it a processor, at this moment.
    void be_runnable(bool runnable) const { it_->runnable = runnable; }
    Duration computed() const { return it_->had; }
    WorkerPace::Thread asked() const {
        return {[it = it_] { return it->had; }, [it = it_] { return it->runnable; }};
    }

  private:
    struct State {
        Duration had = 7s;
        bool runnable = false;
    };
    std::shared_ptr<State> it_ = std::make_shared<State>();
};

using Pace = WorkerPace;

class WorkerPaceTest : public testing::Test {
  protected:
    struct Job {
        Thread thread;
        std::shared_ptr<Pace::Run> run;
        void end(Pace& pace) {
            pace.end(*run);
            run.reset();
        }
    };

    Job begin() {
        const Thread thread;
        return {thread, pace_.begin(now_, thread.asked())};
    }
    bool may_begin() { return !pace_.keeps_waiting(now_).has_value(); }
    // Time goes by, in which these share the interpreter.
    void pass(Duration time, const std::vector<Job*>& computing) {
        constexpr Duration step = 250us;
        for (Duration gone{0}; gone < time; gone += step) {
            now_ += step;
            for (const auto* const job : computing) {
                job->thread.compute(step / static_cast<int>(computing.size()));
            }
        }
    }
    // The trial that the first job which has to wait is used for shows nothing.
    void try_once() {
        auto first = begin();
        EXPECT_TRUE(may_begin());
        auto second = begin();
        pass(2ms, {&first, &second});
        EXPECT_FALSE(may_begin());
        first.end(pace_);
        second.end(pace_);
    }

    Pace pace_;
    Pace::TimePoint now_{100s};
};

TEST_F(WorkerPaceTest, LetsTheFirstJobBeginAtOnce) {
    EXPECT_TRUE(may_begin());
}

TEST_F(WorkerPaceTest, LetsTheNextOneWaitWhileOneComputes) {
    try_once();
    auto job = begin();
    for (int i = 0; i < 19; ++i) {
        EXPECT_FALSE(may_begin()) << i << " ms";
        pass(1ms, {&job});
    }
    job.end(pace_);
    EXPECT_TRUE(may_begin());
}

TEST_F(WorkerPaceTest, LetsTheNextOneBeginSoonBesideOneThatWaits) {
    try_once();
    auto job = begin();
    const auto look = pace_.keeps_waiting(now_);
    ASSERT_TRUE(look.has_value());
    EXPECT_LE(*look - now_, Pace::longest_look);
    pass(*look - now_, {});
    EXPECT_TRUE(may_begin());
}

// On a machine that has more to do than processors, one that computes seemed to wait.
TEST_F(WorkerPaceTest, DoesNotTakeOneThatWaitsForAProcessorForOneThatWaits) {
    try_once();
    auto job = begin();
    job.thread.be_runnable(true);
    pass(Pace::longest_look, {});
    EXPECT_FALSE(may_begin());
    job.thread.be_runnable(false);
    pass(Pace::longest_look, {});
    EXPECT_TRUE(may_begin());
}

TEST_F(WorkerPaceTest, LooksLessAndLessOftenAtOneThatComputesAndSoonAgainOnceOneHasWaited) {
    try_once();
    auto job = begin();
    pass(Pace::longest_look, {&job});
    EXPECT_FALSE(may_begin());
    pass(Pace::longest_look, {&job});
    EXPECT_EQ(*pace_.keeps_waiting(now_) - now_, Pace::longest_look);
    pass(Pace::longest_look, {});
    EXPECT_TRUE(may_begin());
    job.end(pace_);
    auto next = begin();
    EXPECT_EQ(*pace_.keeps_waiting(now_) - now_, Pace::shortest_look);
}

TEST_F(WorkerPaceTest, LetsNobodyWaitForLongWhoeverComputes) {
    try_once();
    auto job = begin();
    pass(Pace::alone_for - 1ms, {&job});
    EXPECT_FALSE(may_begin());
    pass(1ms, {&job});
    EXPECT_TRUE(may_begin());
}

TEST_F(WorkerPaceTest, LetsShortJobsFollowOneAnotherBesideALongOne) {
    try_once();
    auto lengthy = begin();
    pass(Pace::alone_for, {&lengthy});
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(may_begin()) << i;
        auto brief = begin();
        pass(2ms, {&lengthy, &brief});
        EXPECT_FALSE(may_begin()) << i;
        brief.end(pace_);
    }
}

// Each of a crowd had run for long since it shared with the others, so that a new one began for
// each that ended: the crowd stayed.
TEST_F(WorkerPaceTest, LetsACrowdThatComputesBecomeOne) {
    std::vector<std::unique_ptr<Job>> crowd;
    for (int i = 0; i < 8; ++i) {  // they come in while those before them wait
        crowd.push_back(std::make_unique<Job>(begin()));
        pass(Pace::longest_look, {});
        EXPECT_TRUE(may_begin());
    }
    std::size_t fewest = crowd.size();
    for (int ms = 0; ms < 400; ++ms) {
        std::vector<Job*> all;
        for (const auto& job : crowd) all.push_back(job.get());
        pass(1ms, all);
        std::erase_if(crowd, [&](const auto& job) {
            const bool over = job->thread.computed() - 7s >= 8ms;
            if (over) job->end(pace_);
            return over;
        });
        fewest = std::min(fewest, crowd.size());
        if (may_begin()) crowd.push_back(std::make_unique<Job>(begin()));
    }
    EXPECT_EQ(fewest, 0U);  // and the next begins when one ends
    EXPECT_LE(crowd.size(), 2U);
}

TEST_F(WorkerPaceTest, LetsJobsBeginFreelyThatComputeWithoutTheInterpreter) {
    auto first = begin();
    ASSERT_TRUE(may_begin());  // a trial
    auto second = begin();
    EXPECT_FALSE(may_begin());
    for (int i = 0; i < 4; ++i) {
        pass(1ms, {&first});
        second.thread.compute(1ms);
    }
    EXPECT_TRUE(may_begin());
    auto third = begin();
    EXPECT_TRUE(may_begin());
}

TEST_F(WorkerPaceTest, CountsWhatJobsThatEndedComputedBesideOthers) {
    auto lengthy = begin();
    ASSERT_TRUE(may_begin());
    for (int i = 0; i < 8; ++i) {
        auto brief = begin();
        pass(500us, {&lengthy});
        brief.thread.compute(500us);
        brief.end(pace_);
    }
    EXPECT_TRUE(may_begin());
}

TEST_F(WorkerPaceTest, PacesAgainOnceTheyShareTheInterpreter) {
    auto first = begin();
    ASSERT_TRUE(may_begin());
    auto second = begin();
    pass(4ms, {&first});
    second.thread.compute(4ms);
    ASSERT_TRUE(may_begin());
    pass(Pace::longest_look, {&first, &second});
    EXPECT_FALSE(may_begin());
}

TEST_F(WorkerPaceTest, TriesSeldomWhetherTheyComputeAtTheSameTime) {
    try_once();
    int begun = 0;
    const auto until = now_ + 2 * Pace::between_trials;
    while (now_ < until) {
        auto job = begin();
        pass(5ms, {&job});
        if (may_begin()) ++begun;
        job.end(pace_);
    }
    EXPECT_GE(begun, 1);
    EXPECT_LE(begun, 2);
}

TEST_F(WorkerPaceTest, ForgetsAJobWhoseThreadHasGone) {
    try_once();
    auto job = begin();
    EXPECT_FALSE(may_begin());
    job.run.reset();
    EXPECT_TRUE(may_begin());
}

TEST_F(WorkerPaceTest, KnowsWhoEndsSoon) {
    auto job = begin();
    EXPECT_FALSE(pace_.ends_soon());
    job.run->ends_soon = true;
    EXPECT_TRUE(pace_.ends_soon());
    job.end(pace_);
    EXPECT_FALSE(pace_.ends_soon());
}

}  // namespace
}  // namespace jac::cloud
