// Which pages may open a WebSocket: a browser lets any page try and sends its origin (RFC 6454), so
// that the server can tell its own pages from strangers'.
#include <algorithm>
#include <charconv>
#include <cstdint>

#include "protocol/handshake.hpp"

namespace jac::cloud {

namespace {

constexpr char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
}

std::string lower(std::string_view text) {
    std::string lowered(text);
    std::ranges::transform(lowered, lowered.begin(), [](char letter) { return lower(letter); });
    return lowered;
}

struct Authority {
    std::string host;  // lower case; IPv6 in its brackets
    std::string port;  // empty: none given
};

bool is_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

bool is_hostname(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    });
}

bool is_bracketed_address(std::string_view text) {
    return text.size() > 2 && text.front() == '[' && text.back() == ']' &&
           std::ranges::all_of(text.substr(1, text.size() - 2), [](char c) {
               return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
           });
}

std::optional<Authority> parse_authority(std::string_view text) {
    Authority authority;
    const auto after_host = text.starts_with('[') ? text.find(']') : 0;
    if (after_host == std::string_view::npos) return std::nullopt;
    const auto colon = text.find(':', after_host);
    authority.host = lower(text.substr(0, colon));
    if (colon != std::string_view::npos) {
        authority.port = text.substr(colon + 1);
        if (!is_port(authority.port)) return std::nullopt;
    }
    if (!is_hostname(authority.host) && !is_bracketed_address(authority.host)) return std::nullopt;
    return authority;
}

struct Origin {
    std::string scheme;
    Authority authority;
};

// scheme "://" host [":" port], and nothing else: no user, no path (RFC 6454 section 7).
std::optional<Origin> parse_origin(std::string_view text) {
    const auto separator = text.find("://");
    if (separator == std::string_view::npos || separator == 0) return std::nullopt;
    auto authority = parse_authority(text.substr(separator + 3));
    if (!authority) return std::nullopt;
    Origin origin{lower(text.substr(0, separator)), std::move(*authority)};
    const bool default_port = (origin.scheme == "http" && origin.authority.port == "80") ||
                              (origin.scheme == "https" && origin.authority.port == "443");
    if (default_port) origin.authority.port.clear();
    return origin;
}

bool same_origin(const Origin& left, const Origin& right) {
    return left.scheme == right.scheme && left.authority.host == right.authority.host &&
           left.authority.port == right.authority.port;
}

// 127.0.0.0/8, written as four plain numbers.
bool is_loopback_ipv4(std::string_view host) {
    if (!host.starts_with("127.")) return false;
    int parts = 0;
    while (true) {
        const auto dot = host.find('.');
        const auto part = host.substr(0, dot);
        std::uint8_t number = 0;
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
        if (part.empty() || error != std::errc{} || end != part.data() + part.size()) return false;
        ++parts;
        if (dot == std::string_view::npos) return parts == 4;
        host.remove_prefix(dot + 1);
    }
}

bool is_loopback(std::string_view host) {
    return host == "localhost" || host == "[::1]" || is_loopback_ipv4(host);
}

bool listed(std::string_view text, const std::optional<Origin>& origin,
            std::span<const std::string> allowed_origins) {
    return std::ranges::any_of(allowed_origins, [&](std::string_view allowed) {
        if (allowed == "*" || equal_ignoring_case(allowed, text)) return true;
        if (allowed.ends_with('/')) allowed.remove_suffix(1);
        const auto allowed_origin = parse_origin(allowed);
        return origin && allowed_origin && same_origin(*origin, *allowed_origin);
    });
}

}  // namespace

bool is_host(std::string_view text) {
    return parse_authority(text).has_value();
}

bool origin_allowed(std::string_view origin_text, std::string_view host_text,
                    std::span<const std::string> allowed_origins, bool through_proxy) {
    const auto origin = parse_origin(origin_text);
    if (listed(origin_text, origin, allowed_origins)) return true;
    const auto host = parse_authority(host_text);
    if (!origin || !host) return false;
    if (origin->scheme != "http" && origin->scheme != "https") return false;
    const auto& page = origin->authority.host;
    if (is_loopback(host->host)) return is_loopback(page) && !through_proxy;
    return page == host->host;
}

}  // namespace jac::cloud
