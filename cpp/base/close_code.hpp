#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace jac::cloud {

// Why a WebSocket ends (RFC 6455 section 7.4; 4000 to 4999 are ours). The one table of them.
enum class CloseCode : std::uint16_t {
    normal = 1000,
    going_away = 1001,
    protocol_error = 1002,
    unsupported_data = 1003,
    no_status = 1005,  // never sent: the peer's close frame was empty
    invalid_payload = 1007,
    message_too_big = 1009,
    token_revoked = 4401,
    not_responding = 4408,
    rate_limited = 4429,
    slow_consumer = 4503,
};

struct CloseCodeInfo {
    CloseCode code;
    std::string_view reason;  // sent with the close frame
    bool reconnect;           // whether a client should come back
};

inline constexpr std::array<CloseCodeInfo, 10> close_codes{{
    {CloseCode::normal, "done", false},
    {CloseCode::going_away, "server draining", true},
    {CloseCode::protocol_error, "protocol error", false},
    {CloseCode::unsupported_data, "unsupported data", false},
    {CloseCode::invalid_payload, "text is not UTF-8, or not compressed well", false},
    {CloseCode::message_too_big, "message too big", false},
    {CloseCode::token_revoked, "token expired or revoked", true},
    {CloseCode::not_responding, "no pong in time or handshake idle", true},
    {CloseCode::rate_limited, "rate limit kept being exceeded", true},
    {CloseCode::slow_consumer, "slow consumer", true},
}};

constexpr std::string_view close_reason(CloseCode code) {
    for (const auto& info : close_codes) {
        if (info.code == code) return info.reason;
    }
    return {};
}

}  // namespace jac::cloud
