#include "base/worker_thread.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <semaphore>
#include <thread>

#include "base/until.hpp"

namespace jac::cloud {
namespace {

// A thread that computes until it is told to wait, and then until it is told to end.
class Worker {
  public:
    Worker() : thread_([this] { work(); }) { known_.acquire(); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() {
        waits_ = true;
        end_.release();
        thread_.join();
    }

    void wait() { waits_ = true; }
    const WorkerPace::Thread& asked() const { return *asked_; }

  private:
    void work() {
        asked_ = this_worker_thread();
        known_.release();
        while (!waits_) {
        }
        end_.acquire();
    }

    std::atomic<bool> waits_ = false;
    std::binary_semaphore known_{0};
    std::binary_semaphore end_{0};
    std::optional<WorkerPace::Thread> asked_;
    std::thread thread_;
};

TEST(WorkerThread, IsRunnableUntilItWaits) {
    Worker worker;
    EXPECT_TRUE(worker.asked().is_runnable());
    worker.wait();
    until([&] { return !worker.asked().is_runnable(); });
}

TEST(WorkerThread, TellsWhatItHasComputed) {
    const Worker worker;
    const auto before = worker.asked().computed();
    EXPECT_GT(before.count(), 0);
    until([&] { return worker.asked().computed() - before > std::chrono::milliseconds(2); });
}

TEST(WorkerThread, IsNotRunnableOnceItHasEnded) {
    std::optional<WorkerPace::Thread> asked;
    std::thread([&] { asked = this_worker_thread(); }).join();
    EXPECT_FALSE(asked->is_runnable());
}

}  // namespace
}  // namespace jac::cloud
