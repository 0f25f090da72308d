#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/handshake.hpp"

namespace jac::cloud {

using HttpFields = std::vector<std::pair<std::string, std::string>>;

// "Not Found" for 404; empty for a status without a name.
std::string_view reason_phrase(unsigned status);

// The whole response to a request that is refused, with "Connection: close", and the request's id
// as X-Request-ID. `with_body` is false for HEAD.
std::string refusal_response(const Refusal& refusal, std::string_view request_id,
                             bool with_body = true);

// A whole JSON response.
std::string json_response(unsigned status, std::string_view body, bool with_body, bool keep_alive);

// What the response to a request depends on.
struct ResponseRules {
    bool head = false;       // HEAD: the fields of a GET, no body
    bool http10 = false;     // no chunks
    bool keep_alive = true;  // what the request asked for
};

// Writes one response (RFC 9112): the head once the first piece of the body is known, the body by
// Content-Length if the application gave one or the body came at once, else in chunks, else (1.0)
// until the connection closes.
class ResponseEncoder {
  public:
    explicit ResponseEncoder(ResponseRules rules) : rules_(rules) {}

    // Connection and Transfer-Encoding are the server's affair: they are taken out, "close" heeded.
    // Throws std::invalid_argument for a status not in 200 to 999, for a name or value that cannot
    // stand in a header, for a malformed Content-Length; std::logic_error when called twice.
    void start(unsigned status, const HttpFields& fields);

    // Appends what has to be sent to `out`. After the last piece (`more` false) finished() holds.
    // Throws std::logic_error before start() and after the last piece, std::invalid_argument when
    // the body does not have the length that was announced.
    void write(std::string_view data, bool more, std::string& out);

    // The response cannot keep the connection: what the request was asked to bring has not all been
    // read. Before the first piece.
    void close_after() { rules_.keep_alive = false; }

    bool started() const noexcept { return started_; }
    bool finished() const noexcept { return finished_; }
    bool keep_alive() const noexcept { return rules_.keep_alive; }

  private:
    enum class Framing { none, length, chunks, until_close };

    void add_field(const std::string& name, const std::string& value);
    void finish_head(std::size_t first_piece, bool more, std::string& out);
    bool bodiless() const noexcept;

    ResponseRules rules_;
    bool started_ = false;
    bool head_written_ = false;
    bool finished_ = false;
    unsigned status_ = 0;
    std::string head_;
    bool has_date_ = false;
    Framing framing_ = Framing::none;
    std::optional<std::uint64_t> length_;
    std::uint64_t written_ = 0;
};

}  // namespace jac::cloud
