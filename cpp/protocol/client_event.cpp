#include "protocol/client_event.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "protocol/utf8.hpp"

namespace jac::cloud {

namespace {

constexpr std::array<std::string_view, 6> type_names{"walker", "user",        "channel",
                                                     "client", "change_user", "connection"};
constexpr std::array<std::string_view, 11> field_names{
    "type", "id",          "walker",     "context",  "response", "node",
    "data", "channel_ids", "client_ids", "root_ids", "token"};
constexpr std::size_t max_id_bytes = 128;

bool is_integer(const JsonValue& value) {
    return value.kind == JsonKind::number &&
           value.text.find_first_of(".eE") == std::string_view::npos;
}

bool is_bearer(std::string_view word) {
    constexpr std::string_view bearer = "bearer";
    return std::ranges::equal(word, bearer, [](char a, char b) { return (a | 0x20) == b; });
}

// "Bearer TOKEN" or the bare token.
std::string_view without_scheme(std::string_view token) {
    const auto space = token.find(' ');
    if (space == std::string_view::npos || !is_bearer(token.substr(0, space))) return token;
    token.remove_prefix(space);
    token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
    return token;
}

}  // namespace

std::string_view to_string(EventType type) {
    return type_names[static_cast<std::size_t>(type)];
}

const ClientEvent* EventReader::read(std::string_view message, bool known_utf8) {
    problem_ = {};
    unescaped_.clear();
    event_.id = {};
    event_.walker = {};
    event_.context = "{}";
    event_.response = false;
    event_.node.reset();
    event_.targets.clear();
    event_.data = {};
    event_.token.reset();

    document_.too_deep = false;
    if ((!known_utf8 && !is_utf8(message)) ||
        !scan_json(message, limits_.max_json_depth, document_)) {
        problem_.error = ReplyError::invalid_json;
        if (document_.too_deep) problem_.limit = Limit::max_json_depth;
        return nullptr;
    }
    if (document_.root.kind != JsonKind::object) {
        refuse("object_type", "", "An event should be an object");
        return nullptr;
    }
    find_fields();
    if (!read_header()) return nullptr;
    bool valid = true;
    switch (event_.type) {
        case EventType::walker:
            valid = read_walker();
            break;
        case EventType::user:
            valid = read_targets("root_ids");
            break;
        case EventType::channel:
            valid = read_targets("channel_ids");
            break;
        case EventType::client:
            valid = read_targets("client_ids");
            break;
        case EventType::change_user:
            valid = read_token();
            break;
        case EventType::connection:
            break;
    }
    return valid ? &event_ : nullptr;
}

// Every event: its type, its id, and no field said twice (a second value must not pass where
// another reader of the same text would see the first).
bool EventReader::read_header() {
    const JsonValue* const type = field("type");
    std::size_t known = type_names.size();
    if (type != nullptr && type->kind == JsonKind::string) {
        const auto name = text_of(*type);
        known = static_cast<std::size_t>(std::ranges::find(type_names, name) - type_names.begin());
    }
    if (known != type_names.size()) {
        event_.type = static_cast<EventType>(known);
        problem_.type = type_names[known];
    }
    if (const JsonValue* const id = field("id")) {
        const bool fits = (id->kind == JsonKind::string && text_of(*id).size() <= max_id_bytes) ||
                          (is_integer(*id) && id->text.size() <= max_id_bytes);
        if (!fits) {
            return refuse("id_type", "id",
                          "Input should be a string of at most 128 bytes or an integer");
        }
        event_.id = problem_.id = id->text;
    }
    if (type == nullptr) return refuse("missing", "type", "Field required");
    if (type->kind != JsonKind::string) {
        return refuse("string_type", "type", "Input should be a valid string");
    }
    if (known == type_names.size()) {
        return refuse("literal_error", "type",
                      "Input should be 'walker', 'user', 'channel', 'client', 'change_user' or "
                      "'connection'");
    }
    if (twice_) return refuse("duplicate", field_names[*twice_], "Field given more than once");
    return true;
}

bool EventReader::read_walker() {
    const JsonValue* const walker = field("walker");
    if (walker == nullptr) return refuse("missing", "walker", "Field required");
    if (walker->kind != JsonKind::string) {
        return refuse("string_type", "walker", "Input should be a valid string");
    }
    event_.walker = text_of(*walker);
    if (const JsonValue* const context = field("context")) {
        if (context->kind != JsonKind::object) {
            return refuse("dict_type", "context", "Input should be a valid object");
        }
        event_.context = context->text;
    }
    if (const JsonValue* const response = field("response")) {
        if (response->kind != JsonKind::boolean) {
            return refuse("bool_type", "response", "Input should be a valid boolean");
        }
        event_.response = response->text == "true";
    }
    if (const JsonValue* const node = field("node");
        node != nullptr && node->kind != JsonKind::null) {
        if (node->kind != JsonKind::string) {
            return refuse("string_type", "node", "Input should be a valid string");
        }
        event_.node = text_of(*node);
    }
    return true;
}

bool EventReader::read_targets(std::string_view name) {
    const JsonValue* const list = field(name);
    if (list == nullptr) return refuse("missing", name, "Field required");
    if (list->kind != JsonKind::array) {
        return refuse("list_type", name, "Input should be a valid list");
    }
    elements_.clear();
    split_json_array(list->text, elements_);
    if (elements_.empty()) {
        return refuse("too_short", name, "List should have at least 1 item");
    }
    if (elements_.size() > limits_.max_targets) {
        problem_.limit = Limit::max_targets;
        return refuse("too_long", name,
                      fmt::format("List should have at most {} items", limits_.max_targets));
    }
    for (const auto& element : elements_) {
        if (element.kind != JsonKind::string) {
            return refuse("string_type", name, "Every item should be a valid string");
        }
        event_.targets.push_back(text_of(element));
    }
    const JsonValue* const data = field("data");
    if (data == nullptr) return refuse("missing", "data", "Field required");
    if (data->kind != JsonKind::object) {
        return refuse("dict_type", "data", "Input should be a valid object");
    }
    event_.data = data->text;
    return true;
}

bool EventReader::read_token() {
    const JsonValue* const token = field("token");
    if (token == nullptr || token->kind == JsonKind::null) return true;
    if (token->kind != JsonKind::string) {
        return refuse("string_type", "token", "Input should be a valid string");
    }
    event_.token = without_scheme(text_of(*token));
    return true;
}

// Once a message, so that its cost does not depend on how many other members there are.
void EventReader::find_fields() {
    // Every character of a name can be written as an escape of six.
    constexpr std::size_t longest_key = 2 + 6 * std::string_view("channel_ids").size();
    fields_.fill(nullptr);
    twice_.reset();
    for (const auto& member : document_.members) {
        if (member.key.size() > longest_key) continue;
        const auto plain = plain_json_string(member.key);
        const auto found = plain ? std::ranges::find(field_names, *plain)
                                 : std::ranges::find(field_names, unescape_json(member.key));
        if (found == field_names.end()) continue;
        const auto which = static_cast<std::size_t>(found - field_names.begin());
        if (fields_[which] == nullptr) {
            fields_[which] = &member.value;
        } else if (!twice_) {
            twice_ = which;
        }
    }
}

const JsonValue* EventReader::field(std::string_view name) const {
    const auto which = std::ranges::find(field_names, name) - field_names.begin();
    return fields_[static_cast<std::size_t>(which)];
}

std::string_view EventReader::text_of(const JsonValue& value) {
    if (const auto plain = plain_json_string(value.text)) return *plain;
    return unescaped_.emplace_back(unescape_json(value.text));
}

bool EventReader::refuse(std::string_view kind, std::string_view name, std::string_view message) {
    problem_.error = ReplyError::invalid_event;
    problem_.details = fmt::format(R"([{{"type":"{}","loc":[{}],"msg":"{}"}}])", kind,
                                   name.empty() ? "" : fmt::format("\"{}\"", name), message);
    return false;
}

}  // namespace jac::cloud
