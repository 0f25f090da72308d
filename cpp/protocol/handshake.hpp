#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.hpp"
#include "protocol/extensions.hpp"

namespace jac::cloud {

// One field of a request's header, as it was sent, without the white space around the value.
struct HeaderField {
    std::string_view name;
    std::string_view value;
};

// The head of a request for /websocket. `version` is 10 for HTTP/1.0, 11 for HTTP/1.1.
struct UpgradeRequest {
    std::string_view method;
    std::string_view target;  // path and query
    unsigned version = 11;
    std::span<const HeaderField> fields;
};

// An HTTP request that is answered without asking anyone: status, extra header fields, and the body
// {"error": error, "code": code}.
struct Refusal {
    unsigned status;
    std::string_view code;  // stable, for programs
    std::string error;      // a sentence, for people
    std::vector<std::pair<std::string_view, std::string_view>> fields{};
    std::optional<Limit> limit{};  // that the request was beyond
};

// A request that may be upgraded, once its token (if it has one) has been found good.
struct AcceptedUpgrade {
    std::string accept_key;                 // the value of Sec-WebSocket-Accept
    std::optional<std::string> channel_id;  // decoded; without it a random channel is due
    std::optional<std::string> token;       // without the word Bearer
    std::optional<DeflateAgreement> deflate;
};

// Judges an opening handshake (RFC 6455 section 4.2.1). Origins are compared with the Host field
// and `allowed_origins` ("*" opens it to all; "null" is an origin like any other). With `deflate`,
// an offer of permessage-deflate is accepted. Pure; any thread.
std::variant<AcceptedUpgrade, Refusal> check_handshake(const UpgradeRequest& request,
                                                       std::span<const std::string> allowed_origins,
                                                       bool deflate = false);

// The 101 response, all of it.
std::string handshake_response(const AcceptedUpgrade& upgrade);

// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2).
std::string websocket_accept_key(std::string_view key);

// Whether a page of `origin` may connect to the server that the client called `host` (the field
// Host, with its port if any). A loopback host in a request that came `through_proxy` is the
// proxy's word for this server: no page is of it.
bool origin_allowed(std::string_view origin, std::string_view host,
                    std::span<const std::string> allowed_origins, bool through_proxy = false);

// Whether `text` is a host as the field Host carries it: a name or an address (IPv6 in brackets),
// then perhaps a colon and a port.
bool is_host(std::string_view text);

// Every value of `name` in the query of a request's target, decoded: %XX, and + for a space, as
// forms and browsers write it. nullopt stands for one that is malformed.
std::vector<std::optional<std::string>> query_values(std::string_view target,
                                                     std::string_view name);

// Compares ASCII letters without their case.
bool equal_ignoring_case(std::string_view left, std::string_view right);

// Whether a comma-separated field value names `token`, in any case.
bool lists_token(std::string_view value, std::string_view token);

}  // namespace jac::cloud
