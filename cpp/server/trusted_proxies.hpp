#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jac::cloud {

// The proxies that are believed. Immutable; any thread.
class TrustedProxies {
  public:
    using Address = boost::asio::ip::address;

    // Addresses and networks ("10.0.0.0/8"), or "*" for everyone. Throws ConfigError for another
    // text.
    explicit TrustedProxies(std::span<const std::string> networks);

    bool trusts(const Address& address) const;

    // The nearest address that no trusted proxy has, as seen from `peer`, which is trusted:
    // `forwarded_for` is what X-Forwarded-For says, where each proxy adds whom it was asked by at
    // the end. What stands before an address that is not trusted, or is none, may be made up.
    Address client(const Address& peer, std::string_view forwarded_for) const;

  private:
    bool everyone_ = false;
    std::vector<boost::asio::ip::network_v4> v4_;
    std::vector<boost::asio::ip::network_v6> v6_;
};

}  // namespace jac::cloud
