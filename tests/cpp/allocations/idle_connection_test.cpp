// What a connection holds in memory while nothing happens on it.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdio>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "allocation_counter.hpp"
#include "server/server.hpp"
#include "server/websocket_connection.hpp"

namespace jac::cloud {
namespace {

using boost::asio::ip::tcp;

constexpr std::size_t connections = 1000;
constexpr std::size_t most_each = 3072;  // of the 4 KiB that a process may grow by for each

// Bare sockets, so that nearly all the memory is the server's.
class Idle : public testing::Test {
  protected:
    void SetUp() override {
        Config config;
        config.port = 0;
        config.io_threads = 1;
        config.max_connections_per_address = 0;
        server_ = std::make_unique<Server>(std::move(config));
        server_->start();
    }

    void TearDown() override {
        sockets_.clear();
        server_->stop(std::chrono::seconds(5));
    }

    // Connected, with a channel of its own, and told so.
    void connect() {
        auto& socket = sockets_.emplace_back(io_);
        socket.connect({boost::asio::ip::make_address("127.0.0.1"), server_->port()});
        constexpr std::string_view request =
            "GET /websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        ASSERT_EQ(::send(socket.native_handle(), request.data(), request.size(), 0),
                  static_cast<ssize_t>(request.size()));
        std::string answer;
        std::array<char, 2048> buffer;
        while (!answer.ends_with("}}")) {
            const auto got = ::recv(socket.native_handle(), buffer.data(), buffer.size(), 0);
            ASSERT_GT(got, 0) << answer;
            answer.append(buffer.data(), static_cast<std::size_t>(got));
        }
    }

    boost::asio::io_context io_;
    std::list<tcp::socket> sockets_;
    std::unique_ptr<Server> server_;
};

// What is allocated and stays for each time that this is done.
template <class Step>
std::size_t kept_by(Step step) {
    for (std::size_t i = 0; i < connections / 10; ++i) step();
    const auto before = test::live_bytes();
    for (std::size_t i = 0; i < connections; ++i) step();
    return (test::live_bytes() - before) / connections;
}

// Who stands in a hub's tables, and is nothing else.
class Member final : public Subscriber {
  public:
    using Subscriber::Subscriber;
    void flush() override {}
    void lose_identity() override {}
};

std::size_t kept_by_a_member() {
    Directory directory;
    Hub hub(0, directory);
    std::vector<std::unique_ptr<Member>> members;
    members.reserve(2 * connections);
    const auto each = kept_by([&] {
        const auto number = members.size();
        const auto id = fmt::format("{:024}", number);
        members.push_back(std::make_unique<Member>(number, id, id, Identity{}, 1U << 20));
        hub.join(*members.back());
    });
    for (const auto& member : members) hub.leave(*member);
    return each;
}

std::size_t kept_by_a_client() {
    boost::asio::io_context io;
    tcp::acceptor acceptor(io, {tcp::v4(), 0});
    acceptor.listen(static_cast<int>(2 * connections));
    std::list<tcp::socket> sockets;
    return kept_by([&] { sockets.emplace_back(io).connect(acceptor.local_endpoint()); });
}

TEST_F(Idle, AConnectionHoldsLittle) {
    const auto with_client = kept_by([this] { connect(); });
    const auto each = with_client - kept_by_a_client();
    const auto tables = kept_by_a_member() - sizeof(Member);
    const auto session = sizeof(Session) - sizeof(FrameParser) - sizeof(Outbox);
    const auto socket = sizeof(WebsocketConnection) - sizeof(Session);
    const auto rest = each - sizeof(WebsocketConnection) - tables;
    std::printf("| part of an idle connection | bytes |\n| --- | ---: |\n");
    const std::vector<std::pair<const char*, std::size_t>> parts{
        {"session: identity, limits, clocks", session},
        {"frame parser", sizeof(FrameParser)},
        {"outbox, empty", sizeof(Outbox)},
        {"socket and its flags", socket},
        {"ids, and its places in the hub's tables and the directory, a channel of its own", tables},
        {"Asio's record of the socket and its wait, the shard's table, timer", rest},
        {"all", each},
    };
    for (const auto& [part, bytes] : parts) std::printf("| %s | %zu |\n", part, bytes);
    EXPECT_LE(each, most_each);
}

}  // namespace
}  // namespace jac::cloud
