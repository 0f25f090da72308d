#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/identity.hpp"
#include "pubsub/outbox.hpp"

namespace jac::cloud {

// What a hub knows of a session: who it is, where it stands in the hub's tables, and its outbox.
class Subscriber {
  public:
    Subscriber(std::uint64_t number, std::string client_id, std::string channel_id,
               Identity identity, std::size_t outbox_limit, int deflate_window = 0)
        : number_(number),
          client_id_(std::move(client_id)),
          channel_id_(std::move(channel_id)),
          identity_(std::move(identity)),
          outbox_(outbox_limit),
          deflate_window_(static_cast<std::uint8_t>(deflate_window)) {}
    virtual ~Subscriber() = default;
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;

    // Unique in its shard for as long as the process lives.
    std::uint64_t number() const noexcept { return number_; }
    const std::string& client_id() const noexcept { return client_id_; }
    const std::string& channel_id() const noexcept { return channel_id_; }
    const Identity& identity() const noexcept { return identity_; }
    Outbox& outbox() noexcept { return outbox_; }
    const Outbox& outbox() const noexcept { return outbox_; }

    // The window of the compressed messages it can read, in bits; 0: it reads plain ones alone.
    int deflate_window() const noexcept { return deflate_window_; }

    // Counts the identities this session has had, from 1.
    std::uint32_t generation() const noexcept { return generation_; }
    // The same for other threads, 0 once the session has left its hub. Made when first asked for.
    std::shared_ptr<const std::atomic<std::uint32_t>> shared_generation();

    // Once at the end of a turn that queued something, or in which the outbox overflowed.
    virtual void flush() = 0;
    // At the end of a turn, while its outbox is empty: sends what the socket takes at once, and
    // returns how many bytes that was. Never ends the session.
    virtual std::size_t write_now(std::string_view) { return 0; }
    // Its token has expired or was revoked: the session ends.
    virtual void lose_identity() = 0;

  private:
    friend class Hub;

    std::uint64_t number_;
    std::string client_id_;
    std::string channel_id_;
    Identity identity_;
    // What a fan-out looks at lies together: of thousands of members, each line is a cache miss.
    Outbox outbox_;
    std::uint8_t deflate_window_;
    bool joined_ = false;
    bool to_flush_ = false;
    bool overflowed_ = false;
    std::uint32_t generation_ = 1;
    std::uint64_t run_ = 0;             // the last run of its channel that it has had some of
    std::size_t run_bytes_ = 0;         // and how much of it
    std::size_t user_position_ = 0;     // in the hub's list of that user's sessions
    std::size_t channel_position_ = 0;  // in the hub's list of that channel's sessions
    std::shared_ptr<std::atomic<std::uint32_t>> shared_generation_;

  protected:
    bool joined() const noexcept { return joined_; }
    bool overflowed() const noexcept { return overflowed_; }
};

}  // namespace jac::cloud
