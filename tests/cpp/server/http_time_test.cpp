// How long a client may take, and what does not count.
#include <gtest/gtest.h>

#include "http_support.hpp"

namespace jac::cloud {
namespace {

TEST(HttpTime, ClosesASlowHeadAndASilentConnectionInTime) {
    auto config = test_config();
    config.handshake_timeout = 0.3;
    EarlyPort early;
    RawClient silent(early.port());
    RawClient slow(early.port());
    slow.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    const TestServer server(echo(), early.handed_to(config));
    {
        // Bytes keep coming, but the time is for the whole head.
        const auto sender = sends_until_the_end(slow);
        EXPECT_EQ(silent.rest(), "");
        EXPECT_EQ(status_of(slow.response()), 408);
    }
}

TEST(HttpTime, ClosesAnIdleConnectionAndTimesTheNextHead) {
    auto config = test_config();
    config.idle_timeout = 0.2;
    config.handshake_timeout = 0.4;
    EarlyPort early;
    RawClient idle(early.port());
    idle.send(get_root);
    RawClient slow(early.port());
    slow.send(get_root + "GET");
    const TestServer server(echo(), early.handed_to(config));
    EXPECT_EQ(status_of(idle.response()), 200);
    EXPECT_EQ(idle.rest(), "");
    EXPECT_EQ(status_of(slow.response()), 200);
    EXPECT_EQ(status_of(slow.rest()), 408);
}

TEST(HttpTime, GivesUpOnABodyThatStops) {
    auto config = test_config();
    config.body_timeout = 0.2;
    TestServer server(echo(), config);
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf ");
    EXPECT_EQ(status_of(client.rest()), 408);
    EXPECT_TRUE(
        eventually([&] { return server.application().count(HttpSignal::disconnect) == 1; }));
}

TEST(HttpTime, GivesUpOnABodyThatTrickles) {
    auto config = test_config();
    config.body_timeout = 0.3;
    TestServer server(echo(), config);
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    const auto sender = sends_until_the_end(client);
    EXPECT_EQ(status_of(client.response()), 408);
}

TEST(HttpTime, DropsAClientThatDoesNotRead) {
    auto config = test_config();
    config.body_timeout = 0.2;
    TestServer server(
        [](const auto& exchange) { respond(*exchange, std::string(20'000'000, 'x')); }, config);
    RawClient client(server.port(), 4096);
    client.send(get_root);
    const auto& limits = server.server().services().limits;
    EXPECT_TRUE(eventually([&] { return limits.count(Limit::body_timeout) == 1; }));
    EXPECT_TRUE(eventually([&] { return server.figure("connections") == 0; }));
}

TEST(HttpTime, LeavesAHandlerTheTimeItNeeds) {
    auto config = test_config();
    config.body_timeout = 0.05;
    config.idle_timeout = 0.05;
    config.handshake_timeout = 0.05;
    std::mutex mutex;
    std::shared_ptr<HttpExchange> held;
    EarlyPort early;
    RawClient client(early.port());
    client.send(post("whole"));
    TestServer server(
        [&](const auto& exchange) {
            const std::lock_guard lock(mutex);
            held = exchange;
        },
        early.handed_to(config));
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return held != nullptr;
    }));
    // Another connection outlives all of those times meanwhile.
    EXPECT_EQ(RawClient(server.port()).rest(), "");
    EXPECT_FALSE(held->disconnected());
    respond(*held, "done");
    EXPECT_EQ(body_of(client.response()), "done");
}

}  // namespace
}  // namespace jac::cloud
