#pragma once

#include <deque>
#include <functional>
#include <utility>
#include <variant>

#include "pubsub/shard_port.hpp"

namespace jac::cloud::simulation {

// The way into a simulated shard: one queue, which the world takes from when it likes.
class Port final : public ShardPort {
  public:
    using Letter = std::variant<Delivery, std::function<void()>>;

    bool deliver(Delivery delivery) override {
        letters.emplace_back(std::move(delivery));
        return true;
    }
    bool post(std::function<void()> task) override {
        letters.emplace_back(std::move(task));
        return true;
    }

    std::deque<Letter> letters;
};

}  // namespace jac::cloud::simulation
