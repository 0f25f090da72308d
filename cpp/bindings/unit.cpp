#include "bindings/unit.hpp"

#include <utility>

#include "bindings/active_server.hpp"

namespace jac::cloud {

std::size_t send(const Unit::Notification& notification, const std::optional<Origin>& origin) {
    if (const auto* const to = std::get_if<Unit::ToTargets>(&notification)) {
        const auto broker = active_server().broker();
        return broker ? broker->publish(to->publication) : 0;
    }
    const auto& message = std::get<Unit::ToOrigin>(notification).message;
    if (!origin || !origin->send(message)) return 0;
    if (const auto broker = active_server().broker()) broker->notifications().self.add();
    return 1;
}

bool Unit::hold(Notification notification) {
    const std::lock_guard lock(mutex_);
    if (state_ != State::open) return false;
    held_.push_back(std::move(notification));
    return true;
}

bool Unit::committed() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::committed;
}

void Unit::commit() {
    std::vector<Notification> held;
    {
        const std::lock_guard lock(mutex_);
        if (state_ != State::open) return;
        state_ = State::committed;
        held.swap(held_);
    }
    for (const auto& notification : held) send(notification, origin_);
}

void Unit::discard() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::open) return;
    state_ = State::discarded;
    held_.clear();
}

}  // namespace jac::cloud
