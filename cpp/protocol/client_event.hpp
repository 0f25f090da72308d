#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.hpp"
#include "base/reply_error.hpp"
#include "protocol/json_scanner.hpp"

namespace jac::cloud {

enum class EventType { walker, user, channel, client, change_user, connection };

std::string_view to_string(EventType type);

// One event of a client, read but not acted upon. The views point into the message, or into the
// reader that made it, and last until either goes.
struct ClientEvent {
    EventType type = EventType::connection;
    std::string_view id;  // JSON text as the client wrote it; empty: none

    std::string_view walker;
    std::string_view context = "{}";  // JSON text of an object
    bool response = false;
    std::optional<std::string_view> node;

    std::vector<std::string_view> targets;  // of user, channel and client events
    std::string_view data;                  // JSON text of an object, byte for byte

    std::optional<std::string_view> token;  // of change_user, without the word bearer
};

// Why an event was refused, in its sender's terms.
struct EventProblem {
    ReplyError error = ReplyError::invalid_event;
    std::string_view type = "error";  // of the event, as far as it could be read
    std::string_view id;
    // For invalid_event: what is wrong with which field, as {"type", "loc", "msg"}.
    std::string details;
    std::optional<Limit> limit{};  // that it is beyond
};

struct EventLimits {
    unsigned max_json_depth = 64;
    unsigned max_targets = 1000;
};

// Reads events out of messages. Keeps its buffers between them: one a thread, not one a connection.
class EventReader {
  public:
    explicit EventReader(const EventLimits& limits) : limits_(limits) {}

    // `message` must be UTF-8 already when `known_utf8` (text frames were checked on arrival).
    // Returns the event, or nullptr with problem() set. Valid until the next read.
    const ClientEvent* read(std::string_view message, bool known_utf8);
    const EventProblem& problem() const noexcept { return problem_; }

  private:
    // The fields an event can have, in the order of their names in client_event.cpp.
    static constexpr std::size_t field_count = 11;

    void find_fields();
    const JsonValue* field(std::string_view name) const;
    std::string_view text_of(const JsonValue& value);
    bool read_header();
    bool read_walker();
    bool read_targets(std::string_view name);
    bool read_token();
    bool refuse(std::string_view kind, std::string_view name, std::string_view message);

    EventLimits limits_;
    JsonDocument document_;
    std::array<const JsonValue*, field_count> fields_{};  // nullptr: the event has none
    std::optional<std::size_t> twice_;                    // a field that stands there again
    std::vector<JsonValue> elements_;
    std::deque<std::string> unescaped_;  // what the views of escaped strings point into
    ClientEvent event_;
    EventProblem problem_;
};

}  // namespace jac::cloud
