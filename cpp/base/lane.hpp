#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/counters.hpp"

namespace jac::cloud {

// A queue from the I/O threads to threads that may block: those that run walkers and check tokens.
// Thread-safe. Its length is bounded by those who push (one event in flight a connection).
template <class Job>
class Lane {
  public:
    // False once closed: the job is dropped.
    bool push(Job job) {
        {
            const std::lock_guard lock(mutex_);
            if (closed_) return false;
            jobs_.push_back(std::move(job));
            size_.add();
        }
        ready_.notify_one();
        return true;
    }

    // Blocks until there is a job; nullopt once closed and empty.
    std::optional<Job> take() {
        std::unique_lock lock(mutex_);
        idle_.add();
        ready_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
        idle_.subtract();
        if (jobs_.empty()) return std::nullopt;
        std::optional<Job> job(std::move(jobs_.front()));
        jobs_.pop_front();
        size_.subtract();
        return job;
    }

    // Those who wait get what is left, then nullopt.
    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        ready_.notify_all();
    }

    // Takes no lock: as of a moment ago.
    std::size_t size() const noexcept { return size_.value(); }
    // Whether one more job would find a thread that has nothing to do; as of a moment ago.
    bool has_idle() const noexcept { return idle_.value() > size_.value(); }

  private:
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Job> jobs_;
    Counter size_;  // counted under the lock: by one thread at a time
    Counter idle_;  // threads that wait; counted as size_
    bool closed_ = false;
};

}  // namespace jac::cloud
