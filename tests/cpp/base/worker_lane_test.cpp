#include "base/worker_lane.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <semaphore>
#include <thread>

#include "base/until.hpp"

namespace jac::cloud {
namespace {

// A thread that does the lane's jobs: it waits in the middle of each until it is let go on.
class Worker {
  public:
    explicit Worker(WorkerLane<int>& lane) : lane_(lane), thread_([this] { work(); }) {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() { thread_.join(); }

    // The job that it has, 0 for none.
    int job() const { return job_; }
    // It is to say that its job ends, and waits on.
    void tell_that_it_ends() { tell_ = true; }
    // It takes nothing more.
    void leave_then() { leaves_ = true; }
    bool has_told() const { return told_; }
    void go_on() { go_on_.release(); }

  private:
    void work() {
        while (const auto job = lane_.take()) {
            job_ = *job;
            until([this] { return tell_ || go_on_.try_acquire(); });
            if (tell_) {
                WorkerLane<int>::ends_soon();
                told_ = true;
                go_on_.acquire();
                tell_ = false;
            }
            job_ = 0;
            if (leaves_) return lane_.leave();
        }
    }

    WorkerLane<int>& lane_;
    std::atomic<int> job_ = 0;
    std::atomic<bool> leaves_ = false;
    std::atomic<bool> tell_ = false;
    std::atomic<bool> told_ = false;
    std::counting_semaphore<> go_on_{0};
    std::thread thread_;
};

class WorkerLaneTest : public testing::Test {
  protected:
    WorkerLane<int> lane_;
};

TEST_F(WorkerLaneTest, GivesTheNextJobToAnotherWhileOneWaits) {
    Worker one(lane_);
    Worker other(lane_);
    lane_.push(1);
    lane_.push(2);
    until([&] { return one.job() + other.job() == 3; });
    one.go_on();
    other.go_on();
    lane_.close();
}

TEST_F(WorkerLaneTest, GivesWhatComesMeanwhileToTheOneThatEndsSoon) {
    Worker one(lane_);
    lane_.push(1);
    until([&] { return one.job() == 1; });
    Worker other(lane_);
    until([&] { return lane_.has_idle(); });
    one.tell_that_it_ends();
    until([&] { return one.has_told(); });
    lane_.push(2);
    one.go_on();
    until([&] { return one.job() == 2; });
    EXPECT_EQ(other.job(), 0);
    one.go_on();
    lane_.close();
}

// Nobody was called for it, since who ended soon was to take it.
TEST_F(WorkerLaneTest, GivesWhatComesMeanwhileToAnotherWhenTheOneThatEndsSoonLeaves) {
    Worker one(lane_);
    lane_.push(1);
    until([&] { return one.job() == 1; });
    Worker other(lane_);
    until([&] { return lane_.has_idle(); });
    one.leave_then();
    one.tell_that_it_ends();
    until([&] { return one.has_told(); });
    lane_.push(2);
    one.go_on();
    until([&] { return other.job() == 2; });
    other.go_on();
    lane_.close();
}

}  // namespace
}  // namespace jac::cloud
