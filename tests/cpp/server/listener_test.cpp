// Listening, limits of connections and of descriptors, over real sockets.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>

#include "base/error.hpp"
#include "http_support.hpp"
#include "server/admission.hpp"

namespace jac::cloud {
namespace {

constexpr auto get_health = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

// The status of the answer.
int health(RawClient& client) {
    client.send(get_health);
    return status_of(client.response());
}

Config config_for(const std::string& host, std::uint16_t port = 0) {
    auto config = test_config();
    config.host = host;
    config.port = port;
    return config;
}

// What start() says to a host and port that cannot be listened on.
ListenError refusal_of(const std::string& host, std::uint16_t port = 0) {
    Server server(config_for(host, port));
    try {
        server.start();
    } catch (const ListenError& error) {
        return error;
    }
    throw std::logic_error("it listens on " + host);
}

TEST(Listener, SaysWhyItCannotListen) {
    TestServer other(nullptr);
    const auto taken = refusal_of("127.0.0.1", other.port());
    EXPECT_EQ(taken.code(), make_error_code(Errc::address_in_use));
    EXPECT_NE(std::string(taken.what()).find("127.0.0.1:" + std::to_string(other.port())),
              std::string::npos);
    EXPECT_EQ(refusal_of("192.0.2.1").code(), make_error_code(Errc::address_unavailable));
    EXPECT_EQ(refusal_of("not an address").code(), make_error_code(Errc::not_an_address));
    EXPECT_EQ(refusal_of("256.0.0.1").code(), make_error_code(Errc::not_an_address));
}

TEST(Listener, ListensOnNamesAndOnIpv6) {
    for (const auto* host : {"localhost", "0.0.0.0", "::"}) {
        TestServer server(nullptr, config_for(host));
        RawClient client(server.port());
        EXPECT_EQ(health(client), 200) << host;
    }
    EXPECT_NE(TestServer(nullptr, config_for("[::1]")).port(), 0);
}

TEST(Listener, TellsTheApplicationAnIpv4AddressOfAClientThatCameOverIpv6) {
    TestServer server(
        [](const auto& exchange) {
            respond(*exchange, exchange->request().endpoints->client_address);
        },
        config_for("::"));
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(body_of(client.response()), "127.0.0.1");
}

TEST(Listener, FreesItsPortAtTheEnd) {
    std::uint16_t port = 0;
    {
        TestServer server(nullptr);
        port = server.port();
        RawClient client(port);
        EXPECT_EQ(health(client), 200);
    }
    TestServer again(nullptr, config_for("127.0.0.1", port));
    RawClient client(port);
    EXPECT_EQ(health(client), 200);
}

TEST(Listener, SharesConnectionsOutEvenly) {
    auto config = test_config();
    config.io_threads = 4;
    TestServer server(nullptr, config);
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 100; ++i) {
        clients.push_back(std::make_unique<RawClient>(server.port()));
    }
    for (auto& client : clients) EXPECT_EQ(health(*client), 200);
    EXPECT_EQ(server.figure("connections"), 100U);
    clients.clear();
    EXPECT_TRUE(eventually([&] { return server.figure("connections") == 0; }));
}

TEST(Listener, RefusesConnectionsPastTheLimitUntilOneLeaves) {
    auto config = test_config();
    config.max_connections = 2;
    TestServer server(nullptr, config);
    RawClient first(server.port());
    EXPECT_EQ(health(first), 200);
    auto second = std::make_unique<RawClient>(server.port());
    EXPECT_EQ(health(*second), 200);
    {
        RawClient third(server.port());
        third.send(get_health);
        const auto refused = third.rest();
        EXPECT_EQ(status_of(refused), 503);
        EXPECT_NE(refused.find("Retry-After: "), std::string::npos);
    }
    second.reset();
    EXPECT_TRUE(eventually([&] { return server.figure("connections") == 1; }));
    RawClient fourth(server.port());
    EXPECT_EQ(health(fourth), 200);
}

TEST(Listener, RefusesConnectionsPastTheLimitOfAnAddress) {
    auto config = test_config();
    config.max_connections_per_address = 1;
    TestServer server(nullptr, config);
    RawClient first(server.port());
    EXPECT_EQ(health(first), 200);
    EXPECT_EQ(status_of(RawClient(server.port()).rest()), 503);
    first.close();
    EXPECT_TRUE(eventually([&] {
        RawClient next(server.port());
        return health(next) == 200;
    }));
}

using Place = std::variant<std::shared_ptr<Ticket>, Limit>;

std::shared_ptr<Ticket> ticket_of(Place place) {
    return std::get<std::shared_ptr<Ticket>>(std::move(place));
}

Limit limit_of(const Place& place) {
    return std::get<Limit>(place);
}

TEST(Admission, ForgetsAddressesThatHaveLeft) {
    const auto admission = std::make_shared<Admission>(Admission::Most{3, 2});
    std::atomic<std::uint64_t> count = 0;
    auto first = ticket_of(admission->admit("a", count));
    auto second = ticket_of(admission->admit("a", count));
    EXPECT_EQ(limit_of(admission->admit("a", count)), Limit::max_connections_per_address);
    auto other = ticket_of(admission->admit("b", count));
    EXPECT_EQ(limit_of(admission->admit("c", count)), Limit::max_connections);
    EXPECT_EQ(count, 3U);
    first.reset();
    EXPECT_TRUE(ticket_of(admission->admit("a", count)));
    second.reset();
    other.reset();
    EXPECT_EQ(count, 0U);
    EXPECT_EQ(admission->connections(), 0U);
}

TEST(Admission, CountsHandshakesUntilTheyHaveSettledOrLeft) {
    const auto admission = std::make_shared<Admission>(Admission::Most{9, 0, 2});
    std::atomic<std::uint64_t> count = 0;
    const auto first = ticket_of(admission->admit("a", count));
    auto second = ticket_of(admission->admit("b", count));
    EXPECT_EQ(limit_of(admission->admit("c", count)), Limit::max_handshakes);
    first->settle();
    first->settle();
    EXPECT_EQ(admission->handshakes(), 1U);
    const auto third = ticket_of(admission->admit("c", count));
    EXPECT_EQ(limit_of(admission->admit("d", count)), Limit::max_handshakes);
    second.reset();
    EXPECT_EQ(admission->handshakes(), 1U);
    EXPECT_EQ(admission->connections(), 2U);
}

// Takes the process to its limit of descriptors; gives them back at its end.
class DescriptorLimit {
  public:
    explicit DescriptorLimit(rlim_t spare) {
        getrlimit(RLIMIT_NOFILE, &before_);
        const int highest = ::dup(0);
        ::close(highest);
        rlimit tight = before_;
        tight.rlim_cur = static_cast<rlim_t>(highest) + spare;
        setrlimit(RLIMIT_NOFILE, &tight);
    }
    DescriptorLimit(const DescriptorLimit&) = delete;
    DescriptorLimit& operator=(const DescriptorLimit&) = delete;
    ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    rlimit before_{};
};

TEST(Listener, PausesAtTheLimitOfDescriptorsAndGoesOn) {
    auto config = test_config();
    config.max_connections = 1000;
    TestServer server(nullptr, config);
    RawClient served(server.port());
    EXPECT_EQ(health(served), 200);

    std::vector<std::unique_ptr<RawClient>> waiting;
    {
        // Each connection takes two: the client's, and the server's that there is none for.
        const DescriptorLimit limit(3);
        for (int i = 0; i < 3; ++i) {
            try {
                waiting.push_back(std::make_unique<RawClient>(server.port()));
            } catch (const std::system_error&) {
                break;
            }
        }
        ASSERT_FALSE(waiting.empty());
        const auto records = server.server().services().log.take();
        ASSERT_TRUE(records);
        EXPECT_EQ(records->front().event, "limit_reached");
        EXPECT_EQ(records->front().fields.front().second, "RLIMIT_NOFILE");
        EXPECT_EQ(health(served), 200);
    }
    for (auto& client : waiting) {
        EXPECT_EQ(health(*client), 200);
    }
}

}  // namespace
}  // namespace jac::cloud
