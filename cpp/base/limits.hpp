#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/counters.hpp"
#include "base/log.hpp"

namespace jac::cloud {

// What bounds the cost of clients, each named as the setting that moves it. The one table of them.
enum class Limit : std::uint8_t {
    max_connections,
    max_connections_per_address,
    max_handshakes,
    descriptors,
    handshake_timeout,
    max_header_bytes,
    max_body_bytes,
    max_upload_bytes,
    body_timeout,
    max_message_bytes,
    max_json_depth,
    max_targets,
    message_rate,
    message_timeout,
    held_events,
    outbox_bytes,
    pong_timeout,
    workers,
    walkers_per_user,
    walker_timeout,
    login_failures_per_account,
    login_failures_per_address,
    users_timeout,
};

struct LimitInfo {
    Limit limit;
    std::string_view setting;
    LogLevel level;  // of its line in the log: info for what is an everyday matter
};

inline constexpr std::array<LimitInfo, 23> known_limits{{
    {Limit::max_connections, "max_connections", LogLevel::warning},
    {Limit::max_connections_per_address, "max_connections_per_address", LogLevel::warning},
    {Limit::max_handshakes, "max_handshakes", LogLevel::warning},
    {Limit::descriptors, "RLIMIT_NOFILE", LogLevel::warning},
    {Limit::handshake_timeout, "handshake_timeout", LogLevel::info},
    {Limit::max_header_bytes, "max_header_bytes", LogLevel::warning},
    {Limit::max_body_bytes, "max_body_bytes", LogLevel::warning},
    {Limit::max_upload_bytes, "max_upload_bytes", LogLevel::warning},
    {Limit::body_timeout, "body_timeout", LogLevel::info},
    {Limit::max_message_bytes, "max_message_bytes", LogLevel::warning},
    {Limit::max_json_depth, "max_json_depth", LogLevel::warning},
    {Limit::max_targets, "max_targets", LogLevel::warning},
    {Limit::message_rate, "message_rate", LogLevel::warning},
    {Limit::message_timeout, "message_timeout", LogLevel::warning},
    {Limit::held_events, "held_events", LogLevel::info},
    {Limit::outbox_bytes, "outbox_bytes", LogLevel::warning},
    {Limit::pong_timeout, "pong_timeout", LogLevel::info},
    {Limit::workers, "workers", LogLevel::info},
    {Limit::walkers_per_user, "walkers_per_user", LogLevel::warning},
    {Limit::walker_timeout, "walker_timeout", LogLevel::warning},
    {Limit::login_failures_per_account, "login_failures_per_account", LogLevel::warning},
    {Limit::login_failures_per_address, "login_failures_per_address", LogLevel::warning},
    {Limit::users_timeout, "users_timeout", LogLevel::warning},
}};

std::optional<Limit> limit_from_setting(std::string_view setting);

// Counts each time that a limit held somebody back, and says so in the log: a line a limit in
// `quiet_time` at most, which has the times since the last one. Any thread; takes no lock but the
// log's.
class Limits {
  public:
    static constexpr std::chrono::seconds quiet_time{10};

    explicit Limits(LogSink& log) : log_(log) {}

    // `who` it held back, and as what the line names that: client_id, client (an address) or
    // walker. No token or password.
    void reached(Limit limit, std::string_view field, std::string_view who);
    std::uint64_t count(Limit limit) const noexcept {
        return watches_[static_cast<std::size_t>(limit)].count.value();
    }

  private:
    struct Watch {
        SharedCounter count;
        std::atomic<std::uint64_t> told = 0;  // of the count, by the last line
        std::atomic<std::int64_t> quiet_until = 0;
    };

    LogSink& log_;
    std::array<Watch, known_limits.size()> watches_;
};

}  // namespace jac::cloud
