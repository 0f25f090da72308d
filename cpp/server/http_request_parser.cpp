#include "server/http_request_parser.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

namespace jac::cloud {

namespace http = boost::beast::http;

namespace {

// The line that begins a chunk, or the trailers, longer than anyone needs.
constexpr std::size_t max_unread_bytes = 16384;

Refusal refusal_for(const boost::beast::error_code& error) {
    if (error == http::error::body_limit) {
        return {413, "body_too_large", "The body is too large!", {}, Limit::max_body_bytes};
    }
    return {400, "bad_request", "The request is malformed!"};
}

// The whole line before a chunk, with the end of the chunk before it, and more: Beast takes it, or
// looks for the end of a quoted text beyond it, which it would do again with all that comes.
bool has_chunk_line(std::string_view unread) {
    if (unread.starts_with("\r\n")) unread.remove_prefix(2);
    if (unread.find("\r\n") == std::string_view::npos) return false;
    // The last line, of no bytes, waits for the trailers behind it.
    const auto digit = unread.find_first_not_of('0');
    return std::string_view("123456789abcdefABCDEF").find(unread[digit]) != std::string_view::npos;
}

}  // namespace

HttpRequestParser::HttpRequestParser(std::size_t max_header_bytes, std::size_t max_body_bytes) {
    header_limit(static_cast<std::uint32_t>(max_header_bytes));
    if (max_body_bytes == 0) {
        body_limit(boost::none);
    } else {
        body_limit(max_body_bytes);
    }
}

std::optional<Refusal> HttpRequestParser::read_head(std::string_view head) {
    Error error;
    put(boost::asio::buffer(head), error);
    if (error) return refusal_for(error);
    request_.keep_alive = keep_alive();
    in_trailers_ = true;
    return std::nullopt;
}

std::optional<Refusal> HttpRequestParser::read_body(std::string_view bytes, std::string& body,
                                                    std::size_t& used) {
    used = 0;
    body_ = &body;
    Error error;
    while (!error && !is_done() && used < bytes.size()) {
        used += put(boost::asio::buffer(bytes.substr(used)), error);
    }
    body_ = nullptr;
    const bool waits = error == http::error::need_more && !has_chunk_line(bytes.substr(used));
    if (error && !waits) return refusal_for(error);
    if (bytes.size() - used > max_unread_bytes && !is_done()) {
        return Refusal{400, "bad_request", "The line before a chunk is too long!"};
    }
    return std::nullopt;
}

void HttpRequestParser::on_request_impl(http::verb, Text method, Text target, int version,
                                        Error& error) {
    error = {};
    request_.method = method;
    request_.target = target;
    request_.http10 = version < 11;
}

void HttpRequestParser::on_response_impl(int, Text, int, Error& error) {
    error = {};
}

void HttpRequestParser::on_field_impl(http::field field, Text name, Text value, Error& error) {
    error = {};
    if (in_trailers_) return;
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    if (field == http::field::expect) request_.expects_continue = true;
    request_.fields.emplace_back(std::move(lower), value);
}

void HttpRequestParser::on_header_impl(Error& error) {
    error = {};
    // HTTP/1.0 knows no interim response (RFC 9110 section 10.1.1).
    if (request_.http10) request_.expects_continue = false;
}

void HttpRequestParser::on_body_init_impl(const boost::optional<std::uint64_t>&, Error& error) {
    error = {};
}

std::size_t HttpRequestParser::on_body_impl(Text bytes, Error& error) {
    error = {};
    body_->append(bytes.data(), bytes.size());
    return bytes.size();
}

void HttpRequestParser::on_chunk_header_impl(std::uint64_t, Text, Error& error) {
    error = {};
}

std::size_t HttpRequestParser::on_chunk_body_impl(std::uint64_t, Text bytes, Error& error) {
    error = {};
    body_->append(bytes.data(), bytes.size());
    return bytes.size();
}

void HttpRequestParser::on_finish_impl(Error& error) {
    error = {};
}

}  // namespace jac::cloud
