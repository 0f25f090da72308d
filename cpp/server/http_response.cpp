#include "server/http_response.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <iterator>
#include <stdexcept>

#include "server/http_text.hpp"

namespace jac::cloud {

namespace {

struct Reason {
    unsigned status;
    std::string_view phrase;
};

constexpr std::array reasons{
    Reason{100, "Continue"},
    Reason{101, "Switching Protocols"},
    Reason{200, "OK"},
    Reason{201, "Created"},
    Reason{202, "Accepted"},
    Reason{204, "No Content"},
    Reason{206, "Partial Content"},
    Reason{301, "Moved Permanently"},
    Reason{302, "Found"},
    Reason{303, "See Other"},
    Reason{304, "Not Modified"},
    Reason{307, "Temporary Redirect"},
    Reason{308, "Permanent Redirect"},
    Reason{400, "Bad Request"},
    Reason{401, "Unauthorized"},
    Reason{403, "Forbidden"},
    Reason{404, "Not Found"},
    Reason{405, "Method Not Allowed"},
    Reason{406, "Not Acceptable"},
    Reason{408, "Request Timeout"},
    Reason{409, "Conflict"},
    Reason{410, "Gone"},
    Reason{411, "Length Required"},
    Reason{412, "Precondition Failed"},
    Reason{413, "Content Too Large"},
    Reason{414, "URI Too Long"},
    Reason{415, "Unsupported Media Type"},
    Reason{416, "Range Not Satisfiable"},
    Reason{417, "Expectation Failed"},
    Reason{422, "Unprocessable Content"},
    Reason{426, "Upgrade Required"},
    Reason{429, "Too Many Requests"},
    Reason{431, "Request Header Fields Too Large"},
    Reason{500, "Internal Server Error"},
    Reason{501, "Not Implemented"},
    Reason{502, "Bad Gateway"},
    Reason{503, "Service Unavailable"},
    Reason{504, "Gateway Timeout"},
    Reason{505, "HTTP Version Not Supported"},
};

// "Date: ...\r\n" of this second. One a thread, so that it is formatted once a second, not a
// response.
std::string_view date_field() {
    thread_local std::time_t shown = -1;
    thread_local std::string field;
    const std::time_t now = std::time(nullptr);
    if (now != shown) {
        std::tm utc{};
        gmtime_r(&now, &utc);
        constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        field = fmt::format("Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n",
                            days[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                            months[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900,
                            utc.tm_hour, utc.tm_min, utc.tm_sec);
        shown = now;
    }
    return field;
}

void append_number(std::string& out, std::size_t number) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_status_line(std::string& out, unsigned status) {
    out += "HTTP/1.1 ";
    append_number(out, status);
    out.append(" ").append(reason_phrase(status)).append("\r\n");
}

void append_length(std::string& out, std::size_t length) {
    out += "Content-Length: ";
    append_number(out, length);
    out += "\r\n";
}

std::string json_text(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + '"';
}

// `connection` is the value of the field Connection; empty: the field is left out.
std::string whole_response(unsigned status, std::string_view extra_fields, std::string_view body,
                           bool with_body, std::string_view connection) {
    std::string out;
    out.reserve(128 + extra_fields.size() + body.size());
    append_status_line(out, status);
    out += date_field();
    out += extra_fields;
    out += "Content-Type: application/json\r\n";
    append_length(out, body.size());
    if (!connection.empty()) out.append("Connection: ").append(connection).append("\r\n");
    out += "\r\n";
    if (with_body) out += body;
    return out;
}

}  // namespace

std::string_view reason_phrase(unsigned status) {
    const auto* found = std::ranges::find(reasons, status, &Reason::status);
    return found == reasons.end() ? std::string_view() : found->phrase;
}

std::string json_response(unsigned status, std::string_view body, bool with_body, bool keep_alive) {
    return whole_response(status, {}, body, with_body, keep_alive ? "" : "close");
}

std::string refusal_response(const Refusal& refusal, std::string_view request_id, bool with_body) {
    auto fields = fmt::format("X-Request-ID: {}\r\n", request_id);
    for (const auto& [name, value] : refusal.fields) {
        fields.append(name).append(": ").append(value).append("\r\n");
    }
    const auto body = fmt::format("{{\"error\":{},\"code\":{}}}", json_text(refusal.error),
                                  json_text(refusal.code));
    // Upgrade is of this connection alone and has to be named so (RFC 9110 section 7.8).
    return whole_response(refusal.status, fields, body, with_body,
                          refusal.status == 426 ? "Upgrade, close" : "close");
}

bool ResponseEncoder::bodiless() const noexcept {
    return rules_.head || status_ == 204 || status_ == 304;
}

void ResponseEncoder::start(unsigned status, const HttpFields& fields) {
    if (started_) throw std::logic_error("the response has been started already");
    if (status < 200 || status > 999) {
        throw std::invalid_argument(fmt::format("{} is not a status of a response", status));
    }
    status_ = status;
    head_.clear();
    append_status_line(head_, status);
    for (const auto& [name, value] : fields) add_field(name, value);
    started_ = true;
}

void ResponseEncoder::add_field(const std::string& name, const std::string& value) {
    if (!is_token(name) || !is_field_value(value)) {
        throw std::invalid_argument("a header field is malformed: " + name);
    }
    if (equal_ignoring_case(name, "transfer-encoding")) return;
    if (equal_ignoring_case(name, "connection")) {
        if (lists_token(value, "close")) rules_.keep_alive = false;
        return;
    }
    if (equal_ignoring_case(name, "content-length")) {
        std::uint64_t length = 0;
        const auto* const end = value.data() + value.size();
        const auto [parsed, error] = std::from_chars(value.data(), end, length);
        if (value.empty() || error != std::errc{} || parsed != end ||
            length_.value_or(length) != length) {
            throw std::invalid_argument("Content-Length is malformed: " + value);
        }
        if (length_) return;
        length_ = length;
        if (status_ == 204) return;  // has none (RFC 9110 section 8.6)
    }
    if (equal_ignoring_case(name, "date")) has_date_ = true;
    head_.append(name).append(": ").append(value).append("\r\n");
}

void ResponseEncoder::finish_head(std::size_t first_piece, bool more, std::string& out) {
    if (!has_date_) head_ += date_field();
    if (!bodiless()) {
        if (!length_ && !more) {
            length_ = first_piece;
            append_length(head_, first_piece);
        }
        framing_ =
            length_ ? Framing::length : (rules_.http10 ? Framing::until_close : Framing::chunks);
        if (framing_ == Framing::chunks) head_ += "Transfer-Encoding: chunked\r\n";
        if (framing_ == Framing::until_close) rules_.keep_alive = false;
    }
    if (!rules_.keep_alive) {
        head_ += "Connection: close\r\n";
    } else if (rules_.http10) {
        head_ += "Connection: keep-alive\r\n";
    }
    out.append(head_).append("\r\n");
    head_ = {};
    head_written_ = true;
}

void ResponseEncoder::write(std::string_view data, bool more, std::string& out) {
    if (!started_) throw std::logic_error("the response has not been started");
    if (finished_) throw std::logic_error("the response has been finished already");
    if (!head_written_) finish_head(data.size(), more, out);
    written_ += data.size();
    const auto length = length_.value_or(0);
    switch (framing_) {
        case Framing::none:  // the body of what has none is dropped
            break;
        case Framing::length:
            if (written_ > length || (!more && written_ < length)) {
                throw std::invalid_argument(
                    fmt::format("Content-Length is {}, but the body has {} {} bytes", length,
                                more ? "at least" : "just", written_));
            }
            out += data;
            break;
        case Framing::chunks:
            if (!data.empty()) {
                fmt::format_to(std::back_inserter(out), "{:x}\r\n", data.size());
                out.append(data).append("\r\n");
            }
            if (!more) out += "0\r\n\r\n";
            break;
        case Framing::until_close:
            out += data;
            break;
    }
    finished_ = !more;
}

}  // namespace jac::cloud
