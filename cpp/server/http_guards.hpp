#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "protocol/handshake.hpp"

namespace jac::cloud {

// What a lenient HTTP parser lets through although two servers may read it in two ways (RFC 9112
// section 11.2, request smuggling), and how much of a head is read before it is refused. Pure; any
// thread. After each refusal the connection has to be closed, for where the next request begins is
// unknown.

inline constexpr std::size_t max_request_line_bytes = 8190;
inline constexpr std::size_t max_request_fields = 100;

// Bytes of the empty lines that a client may send before a request (RFC 9112 section 2.2).
std::size_t leading_empty_lines(std::string_view bytes);

// Length of the head up to and with its empty line; 0 while that has not come. `searched` bytes
// were known not to hold its end.
std::size_t head_length(std::string_view bytes, std::size_t searched);

// Refuses what has come of a head as soon as it is too long: 414 for its first line, 431 for the
// rest.
std::optional<Refusal> check_head_size(std::string_view bytes, std::size_t max_header_bytes);

// Refuses a whole head, its empty line included, unless it has one reading only: 400 for its
// syntax, Host, Content-Length or Transfer-Encoding, 417 for what it expects, 431 for too many
// fields, 505 for its version.
std::optional<Refusal> check_head(std::string_view head);

// The first bytes of a TLS handshake, sent to a port that does not speak it.
bool looks_like_tls(std::string_view bytes);

}  // namespace jac::cloud
