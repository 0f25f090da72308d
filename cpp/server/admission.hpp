#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace jac::cloud {

// Counts connections against the limits. Thread-safe: admitted on the listener's thread, left on
// any.
class Admission : public std::enable_shared_from_this<Admission> {
  public:
    // max_for_address 0: no limit.
    Admission(unsigned max_connections, unsigned max_for_address)
        : max_connections_(max_connections), max_for_address_(max_for_address) {}

    // A place for a connection from `address`, given back when the ticket goes. It also counts in
    // `shard_count`, which outlives it. nullptr: there is none.
    std::shared_ptr<void> admit(const std::string& address,
                                std::atomic<std::uint64_t>& shard_count);

    unsigned connections() const noexcept { return connections_.load(std::memory_order_relaxed); }

  private:
    struct Ticket;

    bool enter_address(const std::string& address);
    void leave_address(const std::string& address);

    const unsigned max_connections_;
    const unsigned max_for_address_;
    std::atomic<unsigned> connections_ = 0;
    std::mutex mutex_;
    std::unordered_map<std::string, unsigned> by_address_;  // empty without a limit
};

}  // namespace jac::cloud
