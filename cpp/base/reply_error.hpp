#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace jac::cloud {

// What a client is told when an event fails; the connection stays. The one table of them.
enum class ReplyError {
    invalid_json,
    invalid_event,
    unknown_walker,
    unauthenticated,
    forbidden,
    invalid_token,
    unavailable,
    walker_failed,
    conflict,
    timeout,
    rate_limited,
};

struct ReplyErrorInfo {
    ReplyError error;
    std::string_view code;      // stable, on the wire
    std::string_view sentence;  // default text; {} stands for the walker's name
};

inline constexpr std::array<ReplyErrorInfo, 11> reply_errors{{
    {ReplyError::invalid_json, "invalid_json", "The message is not valid JSON!"},
    {ReplyError::invalid_event, "invalid_event", "The event is not valid!"},
    {ReplyError::unknown_walker, "unknown_walker",
     "Invalid request! Please use valid walker event!"},
    {ReplyError::unauthenticated, "unauthenticated", "Event {} requires to be authenticated!"},
    {ReplyError::forbidden, "forbidden", "You have no access to this!"},
    {ReplyError::invalid_token, "invalid_token", "The token is invalid or expired!"},
    {ReplyError::unavailable, "unavailable", "This cannot be decided now, try again!"},
    {ReplyError::walker_failed, "walker_failed", "The walker failed!"},
    {ReplyError::conflict, "conflict", "Too many others changed the same data, try again!"},
    {ReplyError::timeout, "timeout", "The walker took too long!"},
    {ReplyError::rate_limited, "rate_limited", "Too many messages, slow down!"},
}};

constexpr const ReplyErrorInfo& reply_error_info(ReplyError error) {
    return reply_errors[static_cast<std::size_t>(error)];
}

constexpr std::optional<ReplyError> reply_error_from_code(std::string_view code) {
    for (const auto& info : reply_errors) {
        if (info.code == code) return info.error;
    }
    return std::nullopt;
}

}  // namespace jac::cloud
