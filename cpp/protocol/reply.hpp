#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/reply_error.hpp"
#include "protocol/client_event.hpp"

namespace jac::cloud {

// What the server answers, as JSON text. `id` is the event's id as the client wrote it, or empty.

std::string connection_reply(std::string_view client_id, const NodeId& root,
                             std::string_view channel_id, std::string_view id);

// What a walker that ended well has to say.
struct WalkerAnswer {
    std::string_view reports;  // JSON text of a list
    unsigned status = 200;     // of HTTP
    std::string_view body{};   // JSON text that the walker gave beside its reports; empty: none
};

std::string walker_reply(std::string_view walker, const WalkerAnswer& answer, std::string_view id);

// For an event with an id that has no reply of its own.
std::string ack_reply(std::string_view id);
void append_ack_reply(std::string& out, std::string_view id);

// The table's sentence; `name` fills its {}.
std::string error_sentence(ReplyError error, std::string_view name);

// An error of a table row with its default sentence; `name` fills the sentence's {}.
std::string error_reply(ReplyError error, std::string_view type, std::string_view id,
                        std::string_view name = {});

// An error in other words: `error_json` is the JSON text of a string or of a list of
// {"type","loc","msg"}; `ref` finds the traceback in the log.
std::string error_reply_json(ReplyError error, std::string_view type, std::string_view id,
                             std::string_view error_json,
                             const std::optional<std::string>& ref = std::nullopt);

std::string error_reply(const EventProblem& problem);

}  // namespace jac::cloud
