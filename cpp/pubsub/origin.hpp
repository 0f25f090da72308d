#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "pubsub/shard_port.hpp"

namespace jac::cloud {

// The session an event came from, as the identity it had then. Kept by whoever runs the walker;
// outlives the session. A later identity of the same session is another generation, and nothing
// meant for the one before reaches it.
struct Origin {
    std::shared_ptr<ShardPort> port;
    std::uint64_t session = 0;
    std::uint32_t generation = 0;
    // The session's generation of now, 0 once it has ended.
    std::shared_ptr<const std::atomic<std::uint32_t>> current;

    bool alive() const noexcept {
        return current && current->load(std::memory_order_acquire) == generation;
    }

    // Queues the message to the session. Any thread. False when there is nobody to have it.
    bool send(SharedMessage message) const {
        if (!alive()) return false;
        return port->deliver({nullptr, std::move(message), session, generation});
    }
};

}  // namespace jac::cloud
