#include "base/limits.hpp"

#include <string>

namespace jac::cloud {

std::optional<Limit> limit_from_setting(std::string_view setting) {
    for (const auto& info : known_limits) {
        if (info.setting == setting) return info.limit;
    }
    return std::nullopt;
}

void Limits::reached(Limit limit, std::string_view field, std::string_view who) {
    auto& watch = watches_[static_cast<std::size_t>(limit)];
    watch.count.add();
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    auto quiet_until = watch.quiet_until.load(std::memory_order_relaxed);
    if (now.count() < quiet_until) return;
    // Of several threads at once, one writes the line.
    const auto next = now + std::chrono::nanoseconds(quiet_time);
    if (!watch.quiet_until.compare_exchange_strong(quiet_until, next.count())) return;
    const auto count = watch.count.value();
    const auto times = count - watch.told.exchange(count);
    const auto& info = known_limits[static_cast<std::size_t>(limit)];
    log_.write(info.level, "limit_reached",
               {{"setting", std::string(info.setting)},
                {"times", std::to_string(times)},
                {std::string(field), std::string(who)}});
}

}  // namespace jac::cloud
