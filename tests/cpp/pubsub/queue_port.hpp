#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "pubsub/hub.hpp"
#include "pubsub/shard_port.hpp"

namespace jac::cloud {

// The way into a shard whose turns a test takes itself.
class QueuePort final : public ShardPort {
  public:
    bool deliver(Delivery delivery) override {
        if (stopped) return false;
        deliveries.push_back(std::move(delivery));
        return true;
    }

    bool post(std::function<void()> task) override {
        if (stopped) return false;
        tasks.push_back(std::move(task));
        return true;
    }

    // One turn of the shard's loop.
    void run(Hub& hub) {
        for (const auto& delivery : std::exchange(deliveries, {})) hub.deliver(delivery);
        for (const auto& task : std::exchange(tasks, {})) task();
        hub.flush();
    }

    std::deque<Delivery> deliveries;
    std::deque<std::function<void()>> tasks;
    bool stopped = false;
};

}  // namespace jac::cloud
