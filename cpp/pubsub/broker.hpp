#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/counters.hpp"
#include "pubsub/directory.hpp"
#include "pubsub/shard_port.hpp"

namespace jac::cloud {

// Carries publications to every shard that has members of their targets. Thread-safe.
class Broker {
  public:
    virtual ~Broker() = default;
    // Returns how many of this node's sessions it was queued to. Never blocks on a socket.
    virtual std::size_t publish(std::shared_ptr<const Publication> publication) = 0;

    // Of publish(), and of what is sent to a session directly.
    NotificationCounters& notifications() noexcept { return notifications_; }

  private:
    NotificationCounters notifications_;
};

// Within one process.
class LocalBroker final : public Broker {
  public:
    // The shards' ports in the order of their indexes, 64 at most, before anything is published.
    void attach(std::shared_ptr<ShardPort> port) { ports_.push_back(std::move(port)); }

    std::size_t publish(std::shared_ptr<const Publication> publication) override;

    // To all shards but the publisher's own, which delivers to its sessions itself. The message is
    // made only if somebody is there to have it.
    void publish_elsewhere(const Targets& targets, std::string_view payload, unsigned own_shard);

    bool single_shard() const noexcept { return ports_.size() == 1; }
    Directory& directory() noexcept { return directory_; }
    const Directory& directory() const noexcept { return directory_; }

  private:
    void deliver(const std::shared_ptr<const Publication>& publication, std::uint64_t shards);

    std::vector<std::shared_ptr<ShardPort>> ports_;
    Directory directory_;
};

}  // namespace jac::cloud
