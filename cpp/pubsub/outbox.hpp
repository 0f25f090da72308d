#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/counters.hpp"
#include "pubsub/arena.hpp"

namespace jac::cloud {

enum class Enqueue : std::uint8_t {
    queued,    // will be sent
    overflow,  // not queued: the receiver is too slow
};

// What waits to be sent to one connection, in order, bounded in bytes. Holds slices of shared
// blocks and no bytes of its own, until the socket is full: then small slices are copied into
// blocks of its own, so that a slow consumer pins no more than about twice the memory it has
// queued.
class Outbox {
  public:
    explicit Outbox(std::size_t limit) : limit_(limit) {}

    // From now on, while it is empty, the bytes waiting are counted there too.
    void count_into(Counter& total) noexcept { total_ = &total; }

    // Refuses when the bytes waiting would pass the limit. An empty outbox takes any size, so one
    // message larger than the limit can still be sent.
    Enqueue push(const Slice& slice);
    // Past the limit: for the few bytes of a close frame.
    void push_final(const Slice& slice);

    bool empty() const noexcept { return bytes_ == 0; }
    std::size_t limit() const noexcept { return limit_; }
    std::size_t slices() const noexcept { return slices_.size() - first_; }
    std::size_t bytes() const noexcept { return bytes_; }
    // Bytes of memory that its slices keep alive, others' parts of shared blocks included.
    std::size_t pinned() const noexcept;

    // Fills `views` with what is to be sent next; returns how many it filled.
    std::size_t front(std::span<std::string_view> views) const;
    // Takes off what was sent.
    void consume(std::size_t bytes);
    // The socket takes no more for now: copies what would pin blocks that are mostly others'. To be
    // called after each turn that pushed, while that lasts.
    void settle();
    // Forgets everything.
    void clear();

  private:
    void append(const Slice& slice);
    static void shorten(Slice& sending);

    std::vector<Slice> slices_;
    std::size_t first_ = 0;    // slices before it are sent
    std::size_t settled_ = 0;  // slices before it pin nothing of others
    bool own_tail_ = false;    // the last slice lies in a block of this outbox's own
    std::size_t bytes_ = 0;
    std::size_t limit_;
    Counter* total_ = nullptr;
};

}  // namespace jac::cloud
