#include "server/trusted_proxies.hpp"

#include <algorithm>
#include <optional>

#include "base/error.hpp"

namespace jac::cloud {

namespace {

namespace ip = boost::asio::ip;
using Error = boost::system::error_code;

ip::address plain(const ip::address& address) {
    if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

// An entry of X-Forwarded-For, which some proxies write with a port.
std::optional<ip::address> read_entry(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return std::nullopt;
    text = text.substr(first, text.find_last_not_of(" \t") - first + 1);
    if (text.starts_with('[')) {
        text = text.substr(1, text.find(']') - 1);
    } else if (std::ranges::count(text, ':') == 1) {
        text = text.substr(0, text.find(':'));
    }
    Error error;
    const auto address = ip::make_address(text, error);
    if (error) return std::nullopt;
    return plain(address);
}

}  // namespace

TrustedProxies::TrustedProxies(std::span<const std::string> networks) {
    for (const auto& text : networks) {
        if (text == "*") {
            everyone_ = true;
            continue;
        }
        Error error;
        const bool is_network = text.find('/') != std::string::npos;
        const bool is_v6 = text.find(':') != std::string::npos;
        if (is_v6) {
            v6_.push_back(ip::make_network_v6(is_network ? text : text + "/128", error));
        } else {
            v4_.push_back(ip::make_network_v4(is_network ? text : text + "/32", error));
        }
        if (error) throw ConfigError("trusted_proxies", text + " is no address and no network");
    }
}

bool TrustedProxies::trusts(const Address& address) const {
    if (everyone_) return true;
    const auto asked = plain(address);
    if (asked.is_v4()) {
        return std::ranges::any_of(v4_, [v4 = asked.to_v4()](const ip::network_v4& network) {
            return network.canonical().network() ==
                   ip::network_v4(v4, network.prefix_length()).network();
        });
    }
    return std::ranges::any_of(v6_, [v6 = asked.to_v6()](const ip::network_v6& network) {
        return network.network() == ip::network_v6(v6, network.prefix_length()).network();
    });
}

TrustedProxies::Address TrustedProxies::client(const Address& peer,
                                               std::string_view forwarded_for) const {
    Address nearest = peer;
    while (!forwarded_for.empty()) {
        const auto comma = forwarded_for.rfind(',');
        const bool last = comma == std::string_view::npos;
        const auto address = read_entry(forwarded_for.substr(last ? 0 : comma + 1));
        if (!address) break;
        nearest = *address;
        if (last || !trusts(nearest)) break;
        forwarded_for = forwarded_for.substr(0, comma);
    }
    return nearest;
}

}  // namespace jac::cloud
