#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http_exchange.hpp"

namespace jac::cloud {

// Reads one request: its head, which the guards have let through, into an HttpRequest; then its
// body, piece by piece, whatever its framing. Trailers are read and dropped.
class HttpRequestParser final : private boost::beast::http::basic_parser<true> {
  public:
    // max_body_bytes 0: no limit.
    HttpRequestParser(std::size_t max_header_bytes, std::size_t max_body_bytes);

    // A whole head. Refused with 400, or with 413 when it announces too long a body.
    std::optional<Refusal> read_head(std::string_view head);

    // What read_head() found; to be taken away.
    HttpRequest& request() noexcept { return request_; }

    // Appends what `bytes` holds of the body to `body` and counts in `used` what was read. Refused
    // with 400 for broken chunks, 413 past the limit.
    std::optional<Refusal> read_body(std::string_view bytes, std::string& body, std::size_t& used);

    bool body_complete() const { return is_done(); }

  private:
    using Text = boost::beast::string_view;
    using Error = boost::beast::error_code;

    void on_request_impl(boost::beast::http::verb verb, Text method, Text target, int version,
                         Error& error) override;
    void on_response_impl(int status, Text reason, int version, Error& error) override;
    void on_field_impl(boost::beast::http::field field, Text name, Text value,
                       Error& error) override;
    void on_header_impl(Error& error) override;
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error& error) override;
    std::size_t on_body_impl(Text bytes, Error& error) override;
    void on_chunk_header_impl(std::uint64_t size, Text extensions, Error& error) override;
    std::size_t on_chunk_body_impl(std::uint64_t remaining, Text bytes, Error& error) override;
    void on_finish_impl(Error& error) override;

    HttpRequest request_;
    bool in_trailers_ = false;
    std::string* body_ = nullptr;  // of the read_body() that runs
};

}  // namespace jac::cloud
