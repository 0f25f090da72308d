#pragma once

#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "pubsub/broker.hpp"
#include "pubsub/origin.hpp"

namespace jac::cloud {

// One attempt of one unit of work: where its event came from, and the notifications that wait for
// its commit. Thread-safe; helper threads of a walker share it.
class Unit {
  public:
    Unit() = default;
    explicit Unit(Origin origin) : origin_(std::move(origin)) {}

    // Empty: the walker was not started by an event.
    const std::optional<Origin>& origin() const noexcept { return origin_; }

    struct ToTargets {
        std::shared_ptr<const Publication> publication;
    };
    struct ToOrigin {
        SharedMessage message;
    };
    using Notification = std::variant<ToTargets, ToOrigin>;

    // Keeps it until commit(). False once the unit has ended: not kept.
    bool hold(Notification notification);
    bool committed() const;

    // Sends what was held, in its order. Later notifications are not held any more.
    void commit();
    // Drops it.
    void discard();

  private:
    enum class State { open, committed, discarded };

    const std::optional<Origin> origin_;
    mutable std::mutex mutex_;
    std::vector<Notification> held_;
    State state_ = State::open;
};

// Sends it now; how many sessions of this node it was queued to. Any thread, without the GIL.
std::size_t send(const Unit::Notification& notification, const std::optional<Origin>& origin);

}  // namespace jac::cloud
