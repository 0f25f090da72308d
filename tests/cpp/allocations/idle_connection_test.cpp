// What a connection holds in memory while nothing happens on it.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstdio>
#include <list>
#include <string>
#include <string_view>

#include "allocation_counter.hpp"
#include "server/server.hpp"
#include "server/websocket_connection.hpp"

namespace jac::cloud {
namespace {

using boost::asio::ip::tcp;

constexpr int connections = 1000;
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

TEST_F(Idle, AConnectionHoldsLittle) {
    for (int i = 0; i < 100; ++i) connect();
    const auto before = test::live_bytes();
    for (int i = 0; i < connections; ++i) connect();
    // The client's own: its socket in the list and what its io_context knows of it.
    const auto each = (test::live_bytes() - before) / connections;
    std::printf("| a connection of WebSocket, idle | bytes |\n| --- | ---: |\n");
    const std::array<std::pair<const char*, std::size_t>, 5> parts{{
        {"the connection (`WebsocketConnection`)", sizeof(WebsocketConnection)},
        {"of it the frame parser", sizeof(FrameParser)},
        {"of it the outbox", sizeof(Outbox)},
        {"of it the socket", sizeof(Stream)},
        {"all that is allocated for it, the client's socket too", each},
    }};
    for (const auto& [part, bytes] : parts) std::printf("| %s | %zu |\n", part, bytes);
    EXPECT_LE(each, most_each);
}

}  // namespace
}  // namespace jac::cloud
