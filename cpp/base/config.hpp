#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace jac::cloud {

// Who may send user, channel and client events.
enum class ClientEvents { anyone, authenticated, members, nobody };

// Every setting of the native server. Sizes are bytes, times seconds (fractions allowed).
// validate() checks each range; docs/configuration.md says it in full.
struct Config {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8000;     // 0 picks a free one
    int listen_fd = -1;            // a socket that listens already, instead of host and port
    unsigned io_threads = 0;       // 0: one for each core, 8 at most
    unsigned backlog = 4096;       // connections the kernel holds until they are accepted
    unsigned max_connections = 0;  // 0: as the descriptor limit allows, less a reserve of 64
    unsigned max_connections_per_address = 0;  // 0: no limit
    // Addresses and networks, or "*": whom they name in X-Forwarded-For is who connects.
    std::vector<std::string> trusted_proxies;
    std::string tls_cert;         // PEM file of a certificate and its issuers'; empty: no TLS
    std::string tls_key;          // PEM file of its key; empty: in the same file
    unsigned max_handshakes = 0;  // that have not said what they want; 0: no limit

    std::size_t max_message_bytes = std::size_t{1} << 20;  // one message, all fragments
    unsigned max_json_depth = 64;                          // levels of objects and arrays
    unsigned max_targets = 1000;                           // in one event
    unsigned held_events = 64;  // behind a running walker, then reading pauses
    double message_rate = 100;  // messages a second; 0: no limit
    double message_burst = 200;
    double message_timeout = 60;           // first to last fragment; 0: no limit
    bool permessage_deflate = false;       // RFC 7692, for clients that offer it
    std::size_t deflate_min_bytes = 1024;  // shorter messages are sent plain
    ClientEvents client_events = ClientEvents::anyone;
    double client_events_policy_timeout = 2;         // for an answer of the app's policy
    double client_events_policy_ttl = 10;            // an answer is kept; 0: none is
    double client_events_policy_recheck = 60;        // between questions about members; 0: none
    unsigned client_events_policy_answers = 10'000;  // kept by each shard
    std::vector<std::string> allowed_origins;

    std::size_t outbox_bytes = std::size_t{1} << 20;  // queued for one connection
    double ping_interval = 20;                        // 0: no pings
    double pong_timeout = 20;

    double handshake_timeout = 10;  // connect to the end of the request's header; a token's check
    std::size_t max_header_bytes = std::size_t{16} << 10;
    std::size_t max_body_bytes = std::size_t{10} << 20;
    double idle_timeout = 75;  // between requests on a kept-alive connection
    double body_timeout = 30;  // without a byte of a request's body

    // Throws ConfigError naming the first field out of its range.
    void validate() const;

    // io_threads with 0 resolved.
    unsigned resolved_io_threads() const;
    // max_connections with 0 resolved from the process's descriptor limit.
    unsigned resolved_max_connections() const;
};

inline std::chrono::nanoseconds to_duration(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

}  // namespace jac::cloud
