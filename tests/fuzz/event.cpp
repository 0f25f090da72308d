// The reader of events beside nlohmann/json: the same texts are JSON, and the same values are read.
#include <algorithm>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "protocol/client_event.hpp"
#include "protocol/reply.hpp"
#include "protocol/utf8.hpp"

namespace jac::cloud::fuzz {

namespace {

using Json = nlohmann::json;

constexpr EventLimits limits{.max_json_depth = 8, .max_targets = 4};

// The deepest nesting of a text that is JSON.
unsigned depth_of(std::string_view json) {
    unsigned depth = 0;
    unsigned deepest = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (quoted) {
            if (c == '\\') ++i;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            deepest = std::max(deepest, ++depth);
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return deepest;
}

enum class Verdict { json, other, none };

// nlohmann/json takes a byte order mark, which RFC 8259 section 8.1 leaves to each; of a number
// beyond a double, and of what is behind a zero byte, it has nothing to say.
Verdict elsewhere(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return Verdict::none;
    try {
        [[maybe_unused]] const auto document = Json::parse(text);
    } catch (const Json::out_of_range&) {
        return Verdict::none;
    } catch (const Json::exception&) {
        return Verdict::other;
    }
    const bool ours = !text.starts_with("\xEF\xBB\xBF") && depth_of(text) <= limits.max_json_depth;
    return ours ? Verdict::json : Verdict::other;
}

void check_json_of(std::string_view part, std::string_view message, const Json& expected) {
    check(part.data() >= message.data() &&
              part.data() + part.size() <= message.data() + message.size(),
          "not the message's own bytes");
    check(Json::parse(part, nullptr, false) == expected, "another value");
}

void check_targets(const ClientEvent& event, const char* name, const Json& document) {
    const auto& expected = document.at(name);
    check(event.targets.size() == expected.size(), "as many targets");
    check(!event.targets.empty() && event.targets.size() <= limits.max_targets, "their bound");
    for (std::size_t i = 0; i < expected.size(); ++i) {
        check(event.targets[i] == expected[i].get_ref<const std::string&>(), "the targets");
    }
}

void check_event(const ClientEvent& event, std::string_view message) {
    const auto document = Json::parse(message, nullptr, false);
    if (document.is_discarded()) return;  // it has a number beyond a double, which we leave alone
    check(document.at("type") == to_string(event.type), "the type");
    check(event.id.empty() == !document.contains("id"), "whether there is an id");
    if (!event.id.empty()) check_json_of(event.id, message, document["id"]);
    switch (event.type) {
        case EventType::walker:
            check(event.walker == document.at("walker").get_ref<const std::string&>(), "walker");
            check(event.response == document.value("response", false), "response");
            if (document.contains("context")) {
                check_json_of(event.context, message, document["context"]);
            }
            check(event.node.has_value() ==
                      (document.contains("node") && document["node"] != nullptr),
                  "whether there is a node");
            if (event.node) check(document["node"] == *event.node, "node");
            break;
        case EventType::user:
            check_targets(event, "root_ids", document);
            break;
        case EventType::channel:
            check_targets(event, "channel_ids", document);
            break;
        case EventType::client:
            check_targets(event, "client_ids", document);
            break;
        case EventType::change_user:
            if (event.token) {
                check(document.at("token").get_ref<const std::string&>().ends_with(*event.token),
                      "token");
            }
            break;
        case EventType::connection:
            break;
    }
    if (!event.data.empty()) {
        check(event.data.front() == '{', "data is an object");
        check_json_of(event.data, message, document.at("data"));
    }
}

void check_problem(const EventProblem& problem) {
    const auto reply = Json::parse(error_reply(problem));
    check(reply.at("type").is_string() && reply.at("code").is_string(), "type and code");
    check(reply.contains("id") == !problem.id.empty(), "the id comes back");
}

}  // namespace

void run(std::string_view message) {
    EventReader reader(limits);
    const ClientEvent* const event = reader.read(message, false);
    const bool json = event != nullptr || reader.problem().error != ReplyError::invalid_json;
    const auto verdict = elsewhere(message);
    check(!json || verdict != Verdict::other, "taken for JSON");
    check(json || verdict != Verdict::json, "JSON was refused");
    check(is_utf8(message) == is_utf8_elsewhere(message), "UTF-8");
    if (event != nullptr) {
        check_event(*event, message);
    } else {
        check_problem(reader.problem());
    }
}

}  // namespace jac::cloud::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    jac::cloud::fuzz::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
