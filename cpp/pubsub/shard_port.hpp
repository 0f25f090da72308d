#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "pubsub/message.hpp"
#include "pubsub/targets.hpp"

namespace jac::cloud {

// A message and everyone who is to have it, for shards other than the one that made it.
struct Publication {
    Targets targets;
    SharedMessage message;
};

// What comes to a shard: a publication, or a message for one session of one generation.
struct Delivery {
    std::shared_ptr<const Publication> publication;
    SharedMessage message;
    std::uint64_t session = 0;
    std::uint32_t generation = 0;
};

// The way into a shard from any other thread. What one thread puts in comes out in that order.
class ShardPort {
  public:
    virtual ~ShardPort() = default;
    // Neither blocks for longer than a short lock; both are false once the shard has stopped.
    virtual bool deliver(Delivery delivery) = 0;
    virtual bool post(std::function<void()> task) = 0;
};

}  // namespace jac::cloud
