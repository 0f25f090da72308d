#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/counters.hpp"
#include "base/worker_pace.hpp"
#include "base/worker_thread.hpp"

namespace jac::cloud {

// A queue from the I/O threads to workers that run Python: as a Lane, but while a worker computes,
// the next job waits for it to end, within bounds (WorkerPace). A worker does its job from its
// take() until the next one, or leave(). Who has waited least is called first: its caches are warm.
// Thread-safe. Its length is bounded by those who push (one event in flight a connection).
template <class Job>
class WorkerLane {
  public:
    // False once closed: the job is dropped.
    bool push(Job job) {
        std::shared_ptr<Waiter> called;
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return false;
            jobs_.push_back(std::move(job));
            size_.add();
            if (!pace_.ends_soon()) called = call_one();
        }
        if (called) called->condition.notify_one();
        return true;
    }

    // Blocks until there is a job that may begin; nullopt once closed and empty. For a thread that
    // serves this lane alone.
    std::optional<Job> take() {
        std::unique_lock lock(mutex_);
        end_own_run();
        idle_.add();
        while (!closed_) {
            if (jobs_.empty()) {
                watcher_.reset();  // nobody needs to be watched, a new job calls who waits
                wait(lock);
            } else if (const auto look = pace_.keeps_waiting(Clock::now())) {
                watch(lock, *look);
            } else {
                break;
            }
        }
        idle_.subtract();
        if (jobs_.empty()) return std::nullopt;
        std::optional<Job> job(std::move(jobs_.front()));
        jobs_.pop_front();
        size_.subtract();
        own_run() = pace_.begin(Clock::now(), this_worker_thread());
        const auto called = jobs_.empty() ? nullptr : call_one();
        lock.unlock();
        if (called) called->condition.notify_one();
        return job;
    }

    // By a worker that takes no more.
    void leave() {
        std::shared_ptr<Waiter> called;
        {
            const std::lock_guard lock(mutex_);
            end_own_run();
            if (!jobs_.empty()) called = call_one();
        }
        if (called) called->condition.notify_one();
    }

    // By a worker whose job is answered, before anybody knows: it comes to take() or leave() at
    // once, so that nobody else need be called for a new job.
    static void ends_soon() noexcept {
        if (const auto& run = own_run()) run->ends_soon.store(true, std::memory_order_relaxed);
    }

    // Those who wait get what is left, then nullopt.
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        if (watcher_) waiting_.push_back(watcher_);
        for (const auto& waiter : std::exchange(waiting_, {})) {
            waiter->called = true;
            waiter->condition.notify_one();
        }
    }

    // Takes no lock: as of a moment ago.
    std::size_t size() const noexcept { return size_.value(); }
    // Whether one more job would find a thread that has nothing to do; as of a moment ago.
    bool has_idle() const noexcept { return idle_.value() > size_.value(); }

  private:
    using Clock = std::chrono::steady_clock;

    // Shared with who calls it, and may come to do so when it has seen that itself.
    struct Waiter {
        std::condition_variable condition;
        bool called = false;
    };

    // Until there is something to see to.
    void wait(std::unique_lock<std::mutex>& lock) {
        const auto waiter = own_waiter();
        waiting_.push_back(waiter);
        waiter->condition.wait(lock, [&] { return waiter->called; });
        somebody_called_ = false;
    }

    // Until it may be another's turn to begin. One of those who wait watches those who run.
    void watch(std::unique_lock<std::mutex>& lock, Clock::time_point look) {
        if (watcher_) return wait(lock);
        const auto waiter = own_waiter();
        watcher_ = waiter;
        waiter->condition.wait_until(lock, look, [&] { return waiter->called; });
        if (watcher_ == waiter) watcher_.reset();
    }

    void end_own_run() {
        if (const auto run = std::exchange(own_run(), nullptr)) pace_.end(*run);
    }

    static std::shared_ptr<WorkerPace::Run>& own_run() noexcept {
        thread_local std::shared_ptr<WorkerPace::Run> run;
        return run;
    }

    static std::shared_ptr<Waiter> own_waiter() {
        thread_local const auto waiter = std::make_shared<Waiter>();
        waiter->called = false;
        return waiter;
    }

    // Who is to see to the jobs, to be notified without the lock; null: somebody does already.
    std::shared_ptr<Waiter> call_one() {
        if (somebody_called_ || watcher_ || waiting_.empty()) return nullptr;
        somebody_called_ = true;
        auto waiter = std::move(waiting_.back());
        waiting_.pop_back();
        waiter->called = true;
        return waiter;
    }

    std::mutex mutex_;
    std::deque<Job> jobs_;
    WorkerPace pace_;
    std::vector<std::shared_ptr<Waiter>> waiting_;  // who has not been called
    std::shared_ptr<Waiter> watcher_;               // waits for a time, not to be called
    bool somebody_called_ = false;                  // and has not looked yet
    Counter size_;  // counted under the lock: by one thread at a time
    Counter idle_;  // threads that wait; counted as size_
    bool closed_ = false;
};

}  // namespace jac::cloud
