#include "protocol/handshake.hpp"

#include <algorithm>
#include <cstdint>

#include "protocol/sha1.hpp"
#include "protocol/utf8.hpp"

namespace jac::cloud {

namespace {

constexpr std::size_t max_token_bytes = 8192;
constexpr std::size_t max_channel_id_bytes = 255;

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr char lower(char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + ('a' - 'A')) : letter;
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string to_base64(std::span<const std::uint8_t> bytes) {
    std::string text;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const auto byte = [&](std::size_t i) {
            return at + i < bytes.size() ? std::uint32_t{bytes[at + i]} : 0U;
        };
        const std::uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
        const auto used = std::min<std::size_t>(bytes.size() - at, 3);
        for (unsigned digit = 0; digit < 4; ++digit) {
            text += digit <= used ? base64_alphabet[(group >> (18 - 6 * digit)) & 63] : '=';
        }
    }
    return text;
}

// Base64 of 16 bytes is 22 digits and two signs of padding.
bool is_key(std::string_view key) {
    return key.size() == 24 && key.ends_with("==") &&
           key.substr(0, 22).find_first_not_of(base64_alphabet) == std::string_view::npos;
}

std::optional<std::uint8_t> hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return static_cast<std::uint8_t>(digit - '0');
    const char letter = lower(digit);
    if (letter >= 'a' && letter <= 'f') return static_cast<std::uint8_t>(letter - 'a' + 10);
    return std::nullopt;
}

std::optional<std::string> form_decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const auto high = hex_digit(text[i + 1]);
        const auto low = hex_digit(text[i + 2]);
        if (!high || !low) return std::nullopt;
        decoded += static_cast<char>(*high << 4 | *low);
        i += 2;
    }
    return decoded;
}

std::vector<std::string_view> values_of(const UpgradeRequest& request, std::string_view name) {
    std::vector<std::string_view> values;
    for (const auto& field : request.fields) {
        if (equal_ignoring_case(field.name, name)) values.push_back(field.value);
    }
    return values;
}

bool any_lists_token(const UpgradeRequest& request, std::string_view name, std::string_view token) {
    return std::ranges::any_of(values_of(request, name), [token](std::string_view value) {
        return lists_token(value, token);
    });
}

Refusal bad_request(std::string error) {
    return {400, "bad_request", std::move(error)};
}

std::optional<Refusal> check_upgrade(const UpgradeRequest& request) {
    if (request.method != "GET") {
        return Refusal{
            405, "method_not_allowed", "A WebSocket is opened by GET!", {{"Allow", "GET"}}};
    }
    if (request.version < 11 || !any_lists_token(request, "Upgrade", "websocket") ||
        !any_lists_token(request, "Connection", "upgrade")) {
        return Refusal{426,
                       "upgrade_required",
                       "This address speaks WebSocket alone!",
                       {{"Upgrade", "websocket"}}};
    }
    const auto versions = values_of(request, "Sec-WebSocket-Version");
    if (versions.size() != 1 || versions.front() != "13") {
        return Refusal{426,
                       "unsupported_version",
                       "The version of WebSocket must be 13!",
                       {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}}};
    }
    const auto keys = values_of(request, "Sec-WebSocket-Key");
    if (keys.size() != 1 || !is_key(keys.front())) {
        return bad_request("Sec-WebSocket-Key must be base64 of 16 bytes!");
    }
    // What follows the head are frames: a body there would be read as such.
    const auto lengths = values_of(request, "Content-Length");
    if (std::ranges::any_of(lengths, [](std::string_view length) { return length != "0"; }) ||
        !values_of(request, "Transfer-Encoding").empty()) {
        return bad_request("A WebSocket is opened without a body!");
    }
    return std::nullopt;
}

bool is_of_this_machine(std::string_view forwarded_for) {
    auto last = trim(forwarded_for.substr(forwarded_for.rfind(',') + 1));
    constexpr std::string_view mapped = "::ffff:";
    if (last.starts_with(mapped)) last.remove_prefix(mapped.size());
    return last.starts_with("127.") || last == "::1";
}

// By a proxy, for somebody elsewhere. A page cannot add these fields, nor keep a proxy from adding
// them. Development servers add them too, for this machine.
bool handed_on(const UpgradeRequest& request) {
    const auto tells = [&](std::string_view name) { return !values_of(request, name).empty(); };
    const auto tells_of_others = [&](std::string_view name) {
        return !std::ranges::all_of(values_of(request, name), is_of_this_machine);
    };
    return tells("Forwarded") || tells("Via") || tells_of_others("X-Forwarded-For") ||
           tells_of_others("X-Real-IP");
}

std::optional<Refusal> check_origin(const UpgradeRequest& request,
                                    std::span<const std::string> allowed_origins) {
    const auto origins = values_of(request, "Origin");
    if (origins.empty()) return std::nullopt;
    const auto hosts = values_of(request, "Host");
    if (origins.size() == 1 && hosts.size() == 1 &&
        origin_allowed(origins.front(), hosts.front(), allowed_origins, handed_on(request))) {
        return std::nullopt;
    }
    return Refusal{403, "origin_not_allowed", "Pages of this origin may not connect!"};
}

Refusal invalid_token() {
    return {
        401, "invalid_token", "The token is invalid or expired!", {{"WWW-Authenticate", "Bearer"}}};
}

// "Bearer", a space, and what RFC 6750 section 2.1 calls a b64token.
std::variant<std::string, Refusal> read_bearer(std::string_view credentials) {
    constexpr std::string_view scheme = "Bearer ";
    constexpr std::string_view token_alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    if (!equal_ignoring_case(credentials.substr(0, scheme.size()), scheme)) return invalid_token();
    const auto token = credentials.substr(scheme.size());
    if (token.empty() || token.size() > max_token_bytes ||
        token.find_first_not_of(token_alphabet) != std::string_view::npos) {
        return invalid_token();
    }
    return std::string(token);
}

}  // namespace

std::variant<AcceptedUpgrade, Refusal> check_handshake(const UpgradeRequest& request,
                                                       std::span<const std::string> allowed_origins,
                                                       bool deflate) {
    if (auto refusal = check_upgrade(request)) return std::move(*refusal);
    if (auto refusal = check_origin(request, allowed_origins)) return std::move(*refusal);

    AcceptedUpgrade upgrade;
    upgrade.accept_key = websocket_accept_key(values_of(request, "Sec-WebSocket-Key").front());

    const auto credentials = values_of(request, "Authorization");
    if (credentials.size() > 1) return bad_request("There is more than one Authorization!");
    if (!credentials.empty()) {
        auto token = read_bearer(credentials.front());
        if (auto* refusal = std::get_if<Refusal>(&token)) return std::move(*refusal);
        upgrade.token = std::move(std::get<std::string>(token));
    }

    auto channel_ids = query_values(request.target, "channel_id");
    if (channel_ids.size() > 1) return bad_request("There is more than one channel_id!");
    if (!channel_ids.empty()) {
        upgrade.channel_id = std::move(channel_ids.front());
        if (!upgrade.channel_id || upgrade.channel_id->empty() ||
            upgrade.channel_id->size() > max_channel_id_bytes || !is_utf8(*upgrade.channel_id)) {
            return bad_request("channel_id must be 1 to 255 bytes of UTF-8!");
        }
    }
    if (deflate) upgrade.deflate = agree_on_deflate(values_of(request, "Sec-WebSocket-Extensions"));
    return upgrade;
}

std::string handshake_response(const AcceptedUpgrade& upgrade) {
    std::string response =
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        upgrade.accept_key + "\r\n";
    if (upgrade.deflate) {
        response += "Sec-WebSocket-Extensions: " + upgrade.deflate->response() + "\r\n";
    }
    return response + "\r\n";
}

std::string websocket_accept_key(std::string_view key) {
    return to_base64(sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

std::vector<std::optional<std::string>> query_values(std::string_view target,
                                                     std::string_view name) {
    std::vector<std::optional<std::string>> values;
    const auto question = target.find('?');
    if (question == std::string_view::npos) return values;
    auto query = target.substr(question + 1);
    while (!query.empty()) {
        const auto pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        const auto equals = std::min(pair.find('='), pair.size());
        if (form_decode(pair.substr(0, equals)) != name) continue;
        values.push_back(form_decode(pair.substr(std::min(equals + 1, pair.size()))));
    }
    return values;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) {
    return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

bool lists_token(std::string_view value, std::string_view token) {
    while (!value.empty()) {
        const auto item = value.substr(0, value.find(','));
        if (equal_ignoring_case(trim(item), token)) return true;
        value.remove_prefix(std::min(item.size() + 1, value.size()));
    }
    return false;
}

}  // namespace jac::cloud
