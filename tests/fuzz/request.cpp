// The head of a request through the guards, the parser and the judgement of a handshake, then its
// body. The first byte of an input says how the body is cut.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "check.hpp"
#include "protocol/handshake.hpp"
#include "protocol/utf8.hpp"
#include "server/http_guards.hpp"
#include "server/http_request_parser.hpp"

namespace jac::cloud::fuzz {

namespace {

constexpr std::size_t max_header_bytes = 2000;
constexpr std::size_t max_body_bytes = 500;

struct Body {
    unsigned status = 0;  // of its refusal
    bool complete = false;
    std::size_t used = 0;
    std::string bytes{};
    friend bool operator==(const Body&, const Body&) = default;
};

// As the listener reads it: what was not used is offered again with what came behind it.
Body read_body(std::string_view head, std::string_view rest, std::size_t piece) {
    HttpRequestParser parser(max_header_bytes, max_body_bytes);
    Body body;
    if (const auto refusal = parser.read_head(head)) return {.status = refusal->status};
    for (auto end = std::min(piece, rest.size());; end = std::min(end + piece, rest.size())) {
        std::size_t used = 0;
        const auto waiting = rest.substr(body.used, end - body.used);
        const auto refusal = parser.read_body(waiting, body.bytes, used);
        check(used <= waiting.size(), "more was used than there is");
        body.used += used;
        if (refusal) return {.status = refusal->status};
        if (parser.body_complete() || end == rest.size()) break;
    }
    body.complete = parser.body_complete();
    check(body.bytes.size() <= max_body_bytes, "a body beyond the limit");
    return body;
}

bool is_visible(char c) {
    return c > ' ' && c < '\x7F';
}

void check_upgrade(const AcceptedUpgrade& upgrade, const HttpRequest& request) {
    check(request.method == "GET" && !request.http10, "what may be upgraded");
    check(upgrade.accept_key.size() == 28, "the key of the answer");
    if (upgrade.channel_id) {
        const auto size = upgrade.channel_id->size();
        check(size >= 1 && size <= 255 && is_utf8_elsewhere(*upgrade.channel_id), "the channel");
    }
    if (upgrade.token) {
        check(!upgrade.token->empty() && std::ranges::all_of(*upgrade.token, is_visible), "token");
    }
    const auto response = handshake_response(upgrade);
    check(response.find("\r\n\r\n") == response.size() - 4, "one head in the answer");
    check(std::ranges::all_of(
              response, [](char c) { return is_visible(c) || c == ' ' || c == '\r' || c == '\n'; }),
          "nothing else in it");
}

void check_handshake_of(const HttpRequest& request) {
    std::vector<HeaderField> fields;
    for (const auto& [name, value] : request.fields) fields.push_back({name, value});
    const UpgradeRequest upgrade{request.method, request.target, request.http10 ? 10U : 11U,
                                 fields};
    const auto judged = check_handshake(upgrade, {}, true);
    if (const auto* accepted = std::get_if<AcceptedUpgrade>(&judged)) {
        check_upgrade(*accepted, request);
    } else {
        const auto status = std::get<Refusal>(judged).status;
        check(status >= 400 && status < 500, "a refusal's status");
    }
}

// A request has one reading: what the guards let through names one host, and one length at most.
void check_fields(const HttpRequest& request) {
    std::size_t hosts = 0;
    std::size_t framings = 0;
    for (const auto& [name, value] : request.fields) {
        hosts += name == "host" ? 1U : 0U;
        framings += name == "content-length" || name == "transfer-encoding" ? 1U : 0U;
        check(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "a value");
    }
    check(hosts == 1 || (hosts == 0 && request.http10), "one host");
    check(framings <= 1, "one framing");
}

}  // namespace

void run(Bytes input) {
    const std::size_t piece = 1 + input.byte() % 32;
    const auto bytes = input.rest();
    looks_like_tls(bytes);
    const auto begin = leading_empty_lines(bytes);
    const auto request_bytes = bytes.substr(begin);
    const auto size = head_length(request_bytes, 0);
    for (std::size_t searched = 0; searched < size; searched += piece) {
        check(head_length(request_bytes, searched) == size, "where the head ends");
    }
    if (check_head_size(request_bytes.substr(0, size), max_header_bytes) || size == 0) return;
    const auto head = request_bytes.substr(0, size);
    if (const auto refusal = check_head(head)) {
        check(refusal->status >= 400 && refusal->status < 600, "a refusal's status");
        return;
    }
    HttpRequestParser parser(max_header_bytes, max_body_bytes);
    if (const auto refusal = parser.read_head(head)) {
        check(refusal->status == 400 || refusal->status == 413, "a refusal's status");
        return;
    }
    check_fields(parser.request());
    check_handshake_of(parser.request());
    const auto rest = request_bytes.substr(size);
    const auto whole = read_body(head, rest, rest.size() + 1);
    const auto pieces = read_body(head, rest, piece);
    check(whole == pieces, "cut in pieces the body reads differently");
}

}  // namespace jac::cloud::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    jac::cloud::fuzz::run({data, size});
    return 0;
}
