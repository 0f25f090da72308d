#include "server/trusted_proxies.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.hpp"

namespace jac::cloud {
namespace {

using boost::asio::ip::make_address;

std::string client(const std::vector<std::string>& networks, const std::string& forwarded_for) {
    return TrustedProxies(networks).client(make_address("10.0.0.1"), forwarded_for).to_string();
}

TEST(TrustedProxies, AreAddressesAndNetworksOfBothKinds) {
    const std::vector<std::string> networks{"127.0.0.1", "10.0.0.0/8", "fd00::/8", "::1"};
    const TrustedProxies proxies(networks);
    for (const auto* address : {"127.0.0.1", "10.255.0.1", "fd12::1", "::1", "::ffff:10.1.2.3"}) {
        EXPECT_TRUE(proxies.trusts(make_address(address))) << address;
    }
    for (const auto* address : {"127.0.0.2", "11.0.0.1", "fe80::1", "::2", "::ffff:11.0.0.1"}) {
        EXPECT_FALSE(proxies.trusts(make_address(address))) << address;
    }
    EXPECT_FALSE(TrustedProxies({}).trusts(make_address("127.0.0.1")));
}

TEST(TrustedProxies, MayBeEveryone) {
    const std::vector<std::string> everyone{"*"};
    EXPECT_TRUE(TrustedProxies(everyone).trusts(make_address("203.0.113.7")));
}

TEST(TrustedProxies, TellTheNearestClientThatIsNone) {
    const std::vector<std::string> ours{"10.0.0.0/8"};
    EXPECT_EQ(client(ours, "203.0.113.7"), "203.0.113.7");
    EXPECT_EQ(client(ours, "198.51.100.1, 203.0.113.7 ,10.0.0.2"), "203.0.113.7");
    EXPECT_EQ(client(ours, "203.0.113.7:4711"), "203.0.113.7");
    EXPECT_EQ(client(ours, "[2001:db8::1]:4711"), "2001:db8::1");
    EXPECT_EQ(client(ours, "::ffff:203.0.113.7"), "203.0.113.7");
}

TEST(TrustedProxies, AreNotBelievedBeyondWhatIsNoAddress) {
    const std::vector<std::string> ours{"10.0.0.0/8"};
    for (const auto* text : {"", " ", "unknown", "203.0.113.7,", "203.0.113.7, ]["}) {
        EXPECT_EQ(client(ours, text), "10.0.0.1") << text;
    }
    EXPECT_EQ(client(ours, "203.0.113.7, x, 10.0.0.2"), "10.0.0.2");
}

TEST(TrustedProxies, AreRefusedWhenTheyAreNoNetworks) {
    for (const auto* text : {"proxy.example.com", "10.0.0.1/33", "", "::1/200"}) {
        const std::vector<std::string> networks{text};
        EXPECT_THROW(TrustedProxies{networks}, ConfigError) << text;
    }
}

}  // namespace
}  // namespace jac::cloud
