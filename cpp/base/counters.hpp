#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "base/reply_error.hpp"

namespace jac::cloud {

// Counted by the I/O threads, read by any: relaxed, so that counting is a plain add.
class Counter {
  public:
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    void subtract(std::uint64_t n = 1) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// Of one shard.
struct ShardCounters {
    Counter sessions;  // open now
    Counter sessions_opened;
    std::array<Counter, 6> events;  // by EventType
    std::array<Counter, reply_errors.size()> errors;
    Counter messages_queued;  // to sessions, each counted
    Counter slow_consumers;
    Counter not_responding;
    Counter rate_limited;
};

}  // namespace jac::cloud
