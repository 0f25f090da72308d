#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <variant>

#include "base/limits.hpp"

namespace jac::cloud {

class Admission;

// The place of a connection among those allowed, given back when it goes. One thread at a time.
class Ticket {
  public:
    Ticket(std::shared_ptr<Admission> admission, std::string address,
           std::atomic<std::uint64_t>& shard_count);
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket();

    // It has said what it wants, and counts as a handshake no more. Idempotent.
    void settle() noexcept;

    // Counts it as a connection from `address`, which only its request has told. False: there are
    // too many of those. Once, where it was admitted without an address.
    bool comes_from(std::string address);

  private:
    std::shared_ptr<Admission> admission_;
    std::string address_;
    std::atomic<std::uint64_t>& shard_count_;
    bool settled_ = false;
};

// Counts connections against the limits. Thread-safe: admitted on the listener's thread, left on
// any.
class Admission : public std::enable_shared_from_this<Admission> {
  public:
    struct Most {
        unsigned connections;
        unsigned for_address = 0;  // 0: no limit
        unsigned handshakes = 0;   // 0: no limit
    };

    explicit Admission(const Most& most) : most_(most) {}

    // A place for a connection from `address`; empty: of which that is not known yet. It also
    // counts in `shard_count`, which outlives it. Or the limit that leaves it none.
    std::variant<std::shared_ptr<Ticket>, Limit> admit(const std::string& address,
                                                       std::atomic<std::uint64_t>& shard_count);

    unsigned connections() const noexcept { return connections_.load(std::memory_order_relaxed); }
    // Connections that have not said yet what they want.
    unsigned handshakes() const noexcept { return handshakes_.load(std::memory_order_relaxed); }

  private:
    friend class Ticket;

    bool enter_address(const std::string& address);
    void leave_address(const std::string& address);

    const Most most_;
    std::atomic<unsigned> connections_ = 0;
    std::atomic<unsigned> handshakes_ = 0;
    std::mutex mutex_;
    std::unordered_map<std::string, unsigned> by_address_;  // empty without a limit
};

}  // namespace jac::cloud
