#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace jac::cloud {

namespace detail {

// For each byte, whether it is a character of a token (RFC 9110 section 5.6.2).
inline constexpr auto token_chars = [] {
    std::array<bool, 256> table{};
    for (const char c : std::string_view(
             "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")) {
        table.at(static_cast<unsigned char>(c)) = true;
    }
    return table;
}();

}  // namespace detail

// A method, or the name of a field.
inline bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return detail::token_chars[static_cast<unsigned char>(c)];
    });
}

// Tabs and everything from the space on, bytes over 127 included; no other control character.
inline bool is_field_value(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte >= ' ' && byte != 0x7F) || byte == '\t';
    });
}

}  // namespace jac::cloud
