#include "server/http_guards.hpp"

#include <algorithm>

#include "server/http_text.hpp"

namespace jac::cloud {

namespace {

constexpr std::string_view end_of_line = "\r\n";
constexpr std::string_view end_of_head = "\r\n\r\n";

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Visible ASCII, and no fragment, which a client keeps for itself.
bool is_target_char(char c) {
    return c > ' ' && c < '\x7F' && c != '#';
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

Refusal bad_request(std::string error) {
    return {400, "bad_request", std::move(error)};
}

struct RequestLine {
    std::string_view method;
    std::string_view target;
    bool http10 = false;
};

std::variant<RequestLine, Refusal> read_request_line(std::string_view line) {
    const auto first_space = line.find(' ');
    const auto last_space = line.rfind(' ');
    if (first_space == std::string_view::npos || first_space == last_space) {
        return bad_request("The request line is not complete!");
    }
    const auto version = line.substr(last_space + 1);
    const RequestLine request{line.substr(0, first_space),
                              line.substr(first_space + 1, last_space - first_space - 1),
                              version == "HTTP/1.0"};
    if (!is_token(request.method) || request.target.empty() ||
        !std::ranges::all_of(request.target, is_target_char)) {
        return bad_request("The request line is malformed!");
    }
    // Decoded it would end a file's name early for whoever asks the system for it.
    if (request.target.substr(0, request.target.find('?')).find("%00") != std::string_view::npos) {
        return bad_request("The path has a zero byte!");
    }
    const bool is_version = version.size() == 8 && version.starts_with("HTTP/") &&
                            is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
    if (!is_version) return bad_request("The version of HTTP is malformed!");
    if (version != "HTTP/1.1" && version != "HTTP/1.0") {
        return Refusal{505, "version_not_supported", "This server speaks HTTP/1.1!"};
    }
    return request;
}

// The host that an absolute target names (RFC 9112 section 3.2.2).
std::optional<std::string_view> absolute_host(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (equal_ignoring_case(target.substr(0, scheme.size()), scheme)) {
            target.remove_prefix(scheme.size());
            return target.substr(0, target.find_first_of("/?"));
        }
    }
    return std::nullopt;
}

// The fields that say where a request ends and whom it is for.
struct Framing {
    std::size_t count = 0;
    std::size_t hosts = 0;
    std::size_t lengths = 0;
    std::size_t encodings = 0;
    std::string_view host;
    std::string_view length;
    std::string_view encoding;
    std::string_view expect;
};

std::optional<Refusal> read_field(std::string_view line, Framing& framing) {
    if (line.starts_with(' ') || line.starts_with('\t')) {
        return bad_request("A folded header field is not accepted!");
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) ||
        !is_field_value(line.substr(colon + 1))) {
        return bad_request("A header field is malformed!");
    }
    const auto name = line.substr(0, colon);
    const auto value = trim(line.substr(colon + 1));
    ++framing.count;
    if (equal_ignoring_case(name, "Host")) {
        ++framing.hosts;
        framing.host = value;
    } else if (equal_ignoring_case(name, "Content-Length")) {
        ++framing.lengths;
        framing.length = value;
    } else if (equal_ignoring_case(name, "Transfer-Encoding")) {
        ++framing.encodings;
        framing.encoding = value;
    } else if (equal_ignoring_case(name, "Expect")) {
        framing.expect = value;
    }
    return std::nullopt;
}

std::optional<Refusal> check_host(const RequestLine& request, const Framing& framing) {
    if (framing.hosts > 1 || (framing.hosts == 0 && !request.http10)) {
        return bad_request("There must be one Host!");
    }
    if (framing.hosts == 1 && !is_host(framing.host)) return bad_request("Host is malformed!");
    const auto named = absolute_host(request.target);
    if (named && !equal_ignoring_case(*named, framing.host)) {
        return bad_request("The request names two hosts!");
    }
    const bool asterisk = request.target == "*" && request.method == "OPTIONS";
    if (!named && !asterisk && !request.target.starts_with('/')) {
        return bad_request("The request's target must be a path!");
    }
    return std::nullopt;
}

std::optional<Refusal> check_body_framing(const RequestLine& request, const Framing& framing) {
    constexpr std::size_t max_digits = 18;  // fits in 64 bits
    if (framing.lengths > 1) return bad_request("There is more than one Content-Length!");
    if (framing.lengths == 1 && (framing.length.empty() || framing.length.size() > max_digits ||
                                 !std::ranges::all_of(framing.length, is_digit))) {
        return bad_request("Content-Length is malformed!");
    }
    if (framing.encodings == 0) return std::nullopt;
    if (request.http10) return bad_request("HTTP/1.0 has no Transfer-Encoding!");
    if (framing.lengths != 0) {
        return bad_request("Content-Length and Transfer-Encoding exclude each other!");
    }
    if (framing.encodings > 1 || !equal_ignoring_case(framing.encoding, "chunked")) {
        return bad_request("The only Transfer-Encoding accepted is chunked!");
    }
    return std::nullopt;
}

}  // namespace

std::size_t leading_empty_lines(std::string_view bytes) {
    std::size_t length = 0;
    while (bytes.substr(length).starts_with(end_of_line)) length += end_of_line.size();
    return length;
}

std::size_t head_length(std::string_view bytes, std::size_t searched) {
    const auto overlap = end_of_head.size() - 1;
    const auto end = bytes.find(end_of_head, searched > overlap ? searched - overlap : 0);
    return end == std::string_view::npos ? 0 : end + end_of_head.size();
}

std::optional<Refusal> check_head_size(std::string_view bytes, std::size_t max_header_bytes) {
    const auto line = std::min(bytes.find(end_of_line), bytes.size());
    if (line > max_request_line_bytes) {
        return Refusal{414, "target_too_long", "The request line is too long!"};
    }
    if (bytes.size() >= max_header_bytes) {
        return Refusal{
            431, "header_too_large", "The header is too large!", {}, Limit::max_header_bytes};
    }
    return std::nullopt;
}

std::optional<Refusal> check_head(std::string_view head) {
    const auto line_end = head.find(end_of_line);
    const auto request_line = read_request_line(head.substr(0, line_end));
    if (const auto* refusal = std::get_if<Refusal>(&request_line)) return *refusal;
    const auto& request = std::get<RequestLine>(request_line);

    Framing framing;
    auto rest = head.substr(line_end + end_of_line.size());
    while (!rest.starts_with(end_of_line)) {
        const auto line = rest.substr(0, rest.find(end_of_line));
        if (auto refusal = read_field(line, framing)) return refusal;
        rest.remove_prefix(line.size() + end_of_line.size());
    }
    if (framing.count > max_request_fields) {
        return Refusal{431, "header_too_large", "There are too many header fields!"};
    }
    if (auto refusal = check_host(request, framing)) return refusal;
    if (auto refusal = check_body_framing(request, framing)) return refusal;
    if (!framing.expect.empty() && !equal_ignoring_case(framing.expect, "100-continue")) {
        return Refusal{417, "expectation_failed", "The only Expect known is 100-continue!"};
    }
    return std::nullopt;
}

bool looks_like_tls(std::string_view bytes) {
    return bytes.starts_with("\x16\x03");
}

}  // namespace jac::cloud
