#include "base/config.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <thread>

#include "base/error.hpp"

namespace jac::cloud {

namespace {

template <class Number>
void check_range(const char* field, Number value, Number least, Number most, const char* unit,
                 bool zero_allowed = false) {
    if (zero_allowed && value == Number{0}) return;
    // Written so that NaN fails too.
    if (value >= least && value <= most) return;
    throw ConfigError(field, fmt::format("{} is not allowed, {}{} to {} {}", value,
                                         zero_allowed ? "0 or " : "", least, most, unit));
}

constexpr std::size_t kib = 1024;
constexpr std::size_t gib = kib * kib * kib;
constexpr double day = 86400;

}  // namespace

void Config::validate() const {
    if (host.empty()) throw ConfigError("host", "must not be empty");
    check_range("io_threads", io_threads, 1U, 64U, "threads", true);
    check_range("backlog", backlog, 1U, 65535U, "connections");
    check_range("max_connections", max_connections, 1U, 16'000'000U, "connections", true);
    check_range("max_connections_per_address", max_connections_per_address, 1U, 16'000'000U,
                "connections", true);
    if (tls_cert.empty() && !tls_key.empty()) throw ConfigError("tls_key", "needs tls_cert");
    check_range("max_handshakes", max_handshakes, 1U, 16'000'000U, "connections", true);
    check_range("max_message_bytes", max_message_bytes, std::size_t{125}, gib, "bytes");
    check_range("max_json_depth", max_json_depth, 2U, 512U, "levels");
    check_range("max_targets", max_targets, 1U, 1'000'000U, "targets");
    check_range("held_events", held_events, 1U, 65536U, "events");
    check_range("message_rate", message_rate, 0.001, 1e9, "messages a second", true);
    check_range("message_burst", message_burst, 1.0, 1e9, "messages");
    check_range("message_timeout", message_timeout, 0.01, day, "seconds", true);
    check_range("client_events_policy_timeout", client_events_policy_timeout, 0.01, day, "seconds");
    check_range("client_events_policy_ttl", client_events_policy_ttl, 0.01, day, "seconds", true);
    check_range("client_events_policy_recheck", client_events_policy_recheck, 0.01, day, "seconds",
                true);
    check_range("client_events_policy_answers", client_events_policy_answers, 1U, 10'000'000U,
                "answers");
    // The least holds a handshake's answer and the connection frame of the longest channel id.
    check_range("deflate_min_bytes", deflate_min_bytes, std::size_t{1}, gib, "bytes");
    check_range("outbox_bytes", outbox_bytes, 4 * kib, gib, "bytes");
    check_range("ping_interval", ping_interval, 0.01, day, "seconds", true);
    check_range("pong_timeout", pong_timeout, 0.01, day, "seconds");
    check_range("handshake_timeout", handshake_timeout, 0.01, day, "seconds");
    check_range("max_header_bytes", max_header_bytes, std::size_t{256}, kib * kib, "bytes");
    check_range("max_body_bytes", max_body_bytes, std::size_t{1}, 1024 * gib, "bytes", true);
    check_range("idle_timeout", idle_timeout, 0.01, day, "seconds");
    check_range("body_timeout", body_timeout, 0.01, day, "seconds");
}

unsigned Config::resolved_io_threads() const {
    if (io_threads != 0) return io_threads;
    return std::clamp(std::thread::hardware_concurrency(), 1U, 8U);
}

unsigned Config::resolved_max_connections() const {
    if (max_connections != 0) return max_connections;
    constexpr rlim_t reserve = 64;  // listener, databases, logs, files being served
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == RLIM_INFINITY) return std::numeric_limits<unsigned>::max();
    return static_cast<unsigned>(limit.rlim_cur > 2 * reserve ? limit.rlim_cur - reserve
                                                              : limit.rlim_cur / 2);
}

}  // namespace jac::cloud
