#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace jac::cloud {

// What both sides compress by (RFC 7692): each message by itself, so that a message is compressed
// once for all who receive it, and a connection keeps no window.
struct DeflateAgreement {
    int window_bits;       // of what the server sends, 9 to 15
    bool name_the_window;  // the client asked for one

    // The value of Sec-WebSocket-Extensions in the response.
    std::string response() const;
};

// The first offer of permessage-deflate that can be kept to, from the values of the request's
// Sec-WebSocket-Extensions. nullopt when there is none, or when a value cannot be read.
std::optional<DeflateAgreement> agree_on_deflate(std::span<const std::string_view> offers);

}  // namespace jac::cloud
