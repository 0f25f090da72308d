#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/reply_error.hpp"

namespace jac::cloud {

// Read by any thread without a lock; no order is kept between two of them.

// Counted by one thread: a plain add.
class Counter {
  public:
    void add(std::uint64_t n = 1) noexcept { set(value() + n); }
    void subtract(std::uint64_t n = 1) noexcept { set(value() - n); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    void set(std::uint64_t n) noexcept { value_.store(n, std::memory_order_relaxed); }

    std::atomic<std::uint64_t> value_{0};
};

// Counted by any thread.
class SharedCounter {
  public:
    void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
    void subtract(std::uint64_t n = 1) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
    std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> value_{0};
};

// How often a figure lay up to each of some bounds, and their sum. Counted by any thread.
class Histogram {
  public:
    // `bounds` in ascending order.
    explicit Histogram(std::vector<double> bounds)
        : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

    void observe(double figure) noexcept {
        const auto bound = std::ranges::lower_bound(bounds_, figure);
        counts_[static_cast<std::size_t>(bound - bounds_.begin())].add();
        sum_.fetch_add(figure, std::memory_order_relaxed);
    }

    const std::vector<double>& bounds() const noexcept { return bounds_; }
    // By bound, not added up; the last one lay beyond them all.
    std::vector<std::uint64_t> counts() const {
        std::vector<std::uint64_t> values;
        values.reserve(counts_.size());
        for (const auto& count : counts_) values.push_back(count.value());
        return values;
    }
    double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

  private:
    const std::vector<double> bounds_;
    std::vector<SharedCounter> counts_;
    std::atomic<double> sum_{0};
};

// The clients' events by type and result. One that could not be read has no type.
class EventCounters {
  public:
    static constexpr std::size_t types = 6;
    static constexpr std::size_t unread = types;

    // `type` is an EventType's number; no error: it took effect.
    void add(std::size_t type, std::optional<ReplyError> error = std::nullopt) noexcept {
        counts_[type][index(error)].add();
    }
    std::uint64_t value(std::size_t type, std::optional<ReplyError> error) const noexcept {
        return counts_[type][index(error)].value();
    }

  private:
    static constexpr std::size_t index(std::optional<ReplyError> error) noexcept {
        return error ? static_cast<std::size_t>(*error) + 1 : 0;
    }

    std::array<std::array<Counter, reply_errors.size() + 1>, types + 1> counts_;
};

// What the listener answers itself, by status.
class HttpCounters {
  public:
    static constexpr std::size_t lowest = 100;
    static constexpr std::size_t highest = 599;

    void add(unsigned status) noexcept {
        if (status >= lowest && status <= highest) counts_[status - lowest].add();
    }
    std::uint64_t value(std::size_t status) const noexcept {
        return counts_[status - lowest].value();
    }

  private:
    std::array<Counter, highest - lowest + 1> counts_;
};

// Of one shard's hub.
struct HubCounters {
    Counter deliveries;    // messages put into outboxes, each member of their targets counted
    Counter outbox_bytes;  // now
};

// Of one shard.
struct ShardCounters {
    Counter sessions;  // open now
    Counter sessions_opened;
    EventCounters events;
    HttpCounters http;
    Counter slow_consumers;
    Counter not_responding;
    Counter rate_limited;
    Counter tls_handshakes;  // whole ones
    Counter tls_resumed;     // shorter ones, of a client that had been here
    Counter tls_failures;
    Counter identities_lost;  // tokens that expired or were revoked under a session
};

// Of one shard's policy: what it said, and how often its walker had to be asked for that.
struct PolicyCounters {
    Counter allowed;
    Counter refused;
    Counter failed;
    Counter questions;
};

// Of what the application sends, by what it names.
struct NotificationCounters {
    SharedCounter self;
    SharedCounter users;
    SharedCounter channels;
    SharedCounter clients;
};

}  // namespace jac::cloud
