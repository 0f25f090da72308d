#include "protocol/reply.hpp"

#include <fmt/format.h>

#include <iterator>

#include "protocol/json_scanner.hpp"

namespace jac::cloud {

namespace {

void append_id(std::string& out, std::string_view id) {
    if (id.empty()) return;
    out += ",\"id\":";
    out += id;
}

}  // namespace

std::string connection_reply(std::string_view client_id, const NodeId& root,
                             std::string_view channel_id, std::string_view id) {
    std::string out = R"({"type":"connection","data":{"client_id":)";
    append_json_string(out, client_id);
    out += R"(,"root_id":)";
    append_json_string(out, format_node_id(root));
    out += R"(,"channel_id":)";
    append_json_string(out, channel_id);
    out += '}';
    append_id(out, id);
    out += '}';
    return out;
}

std::string walker_reply(std::string_view walker, const WalkerAnswer& answer, std::string_view id) {
    std::string out = R"({"type":"walker","walker":)";
    append_json_string(out, walker);
    fmt::format_to(std::back_inserter(out), R"(,"status":{},"reports":)", answer.status);
    out += answer.reports;
    if (!answer.body.empty()) {
        out += R"(,"body":)";
        out += answer.body;
    }
    append_id(out, id);
    out += '}';
    return out;
}

void append_ack_reply(std::string& out, std::string_view id) {
    out += R"({"type":"ack")";
    append_id(out, id);
    out += '}';
}

std::string ack_reply(std::string_view id) {
    std::string out;
    append_ack_reply(out, id);
    return out;
}

std::string error_sentence(ReplyError error, std::string_view name) {
    return fmt::format(fmt::runtime(reply_error_info(error).sentence), name);
}

std::string error_reply_json(ReplyError error, std::string_view type, std::string_view id,
                             std::string_view error_json, const std::optional<std::string>& ref) {
    std::string out = R"({"type":)";
    append_json_string(out, type);
    out += R"(,"error":)";
    out += error_json;
    out += R"(,"code":")";
    out += reply_error_info(error).code;
    out += '"';
    if (ref) {
        out += R"(,"ref":)";
        append_json_string(out, *ref);
    }
    append_id(out, id);
    out += '}';
    return out;
}

std::string error_reply(ReplyError error, std::string_view type, std::string_view id,
                        std::string_view name) {
    std::string sentence;
    append_json_string(sentence, error_sentence(error, name));
    return error_reply_json(error, type, id, sentence);
}

std::string error_reply(const EventProblem& problem) {
    if (problem.details.empty()) return error_reply(problem.error, problem.type, problem.id);
    return error_reply_json(problem.error, problem.type, problem.id, problem.details);
}

}  // namespace jac::cloud
