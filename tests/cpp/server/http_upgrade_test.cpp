// From HTTP to WebSocket, over real sockets.
#include <gtest/gtest.h>

#include "http_support.hpp"

namespace jac::cloud {
namespace {

std::string upgrade_request(const std::string& fields = "",
                            const std::string& target = "/websocket") {
    return "GET " + target +
           " HTTP/1.1\r\nHost: localhost:8000\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           fields + "\r\n";
}

// A masked text frame with a mask of zeros.
std::string text_frame(const std::string& text) {
    return std::string("\x81") + static_cast<char>(0x80 | text.size()) + std::string(4, '\0') +
           text;
}

// The text of the next frame, which has to be a short one.
std::string next_text(RawClient& client) {
    const auto head = client.take(2);
    auto length = static_cast<std::size_t>(static_cast<unsigned char>(head.at(1)));
    if (length == 126) {
        const auto more = client.take(2);
        length = static_cast<std::size_t>(static_cast<unsigned char>(more.at(0))) << 8 |
                 static_cast<unsigned char>(more.at(1));
    }
    return client.take(length);
}

// Answers the token checks: "good" is a user's.
class Checker {
  public:
    explicit Checker(Server& server)
        : thread_([&lane = server.services().token_lane] {
              while (auto check = lane.take()) {
                  if (check->token() == "good") {
                      check->answer(Identity{{0, 0xABC}, true});
                  } else if (check->token() != "slow") {
                      check->answer(TokenProblem::invalid);
                  } else {
                      static std::mutex mutex;
                      static std::vector<TokenCheck> kept;
                      const std::lock_guard lock(mutex);
                      kept.push_back(std::move(*check));
                  }
              }
          }) {}
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;
    ~Checker() { thread_.join(); }

  private:
    std::thread thread_;
};

TEST(Upgrade, LeadsToAWebSocketThatSaysWhoItIs) {
    TestServer server(nullptr);
    RawClient client(server.port());
    client.send(upgrade_request("", "/websocket?channel_id=a%20room"));
    EXPECT_NE(client.response().find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
              std::string::npos);
    const auto first = next_text(client);
    EXPECT_NE(first.find(R"("channel_id":"a room")"), std::string::npos) << first;
    EXPECT_NE(first.find(R"("root_id":"n::000000000000000000000001")"), std::string::npos);
}

TEST(Upgrade, KeepsWhatCameInTheSameSegment) {
    TestServer server(nullptr);
    RawClient client(server.port());
    client.send(upgrade_request() + text_frame(R"({"type":"connection","id":7})"));
    EXPECT_EQ(status_of(client.response()), 101);
    next_text(client);
    EXPECT_NE(next_text(client).find(R"("id":7)"), std::string::npos);
}

TEST(Upgrade, FollowsOtherRequestsOnTheSameConnection) {
    TestServer server;
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" + upgrade_request());
    EXPECT_EQ(status_of(client.response()), 200);
    EXPECT_EQ(status_of(client.response()), 101);
    EXPECT_NE(next_text(client).find("connection"), std::string::npos);
}

TEST(Upgrade, AsksForTheTokenToBeChecked) {
    TestServer server(nullptr);
    {
        const Checker checker(server.server());
        {
            RawClient client(server.port());
            client.send(upgrade_request("Authorization: bearer good\r\n") +
                        text_frame(R"({"type":"connection"})"));
            EXPECT_EQ(status_of(client.response()), 101);
            for (int i = 0; i < 2; ++i) {
                EXPECT_NE(next_text(client).find(R"("root_id":"n::000000000000000000000abc")"),
                          std::string::npos);
            }
        }
        RawClient client(server.port());
        client.send(upgrade_request("Authorization: Bearer bad\r\n"));
        const auto refused = client.rest();
        EXPECT_EQ(status_of(refused), 401);
        EXPECT_NE(refused.find("Content-Type: application/json"), std::string::npos);
        EXPECT_NE(refused.find(R"("code":"invalid_token")"), std::string::npos);
        EXPECT_TRUE(eventually([&] { return server.figure("sessions") == 0; }));
        server.server().services().token_lane.close();
    }
}

TEST(Upgrade, DoesNotWaitForeverForTheTokenToBeChecked) {
    auto config = test_config();
    config.handshake_timeout = 0.2;
    EarlyPort early;
    RawClient client(early.port());
    client.send(upgrade_request("Authorization: Bearer slow\r\n"));
    TestServer server(nullptr, early.handed_to(config));
    {
        const Checker checker(server.server());
        EXPECT_EQ(status_of(client.rest()), 503);
        server.server().services().token_lane.close();
    }
}

TEST(Upgrade, ForgetsAClientThatLeavesWhileItsTokenIsChecked) {
    TestServer server(nullptr);
    {
        RawClient client(server.port());
        client.send(upgrade_request("Authorization: Bearer good\r\n"));
        ASSERT_TRUE(eventually([&] { return server.figure("token_checks_waiting") == 1; }));
    }
    EXPECT_TRUE(eventually([&] { return server.figure("connections") == 0; }));
    auto check = server.server().services().token_lane.take();
    check->answer(Identity{{0, 0xABC}, true});
    EXPECT_EQ(server.figure("sessions"), 0U);
}

TEST(Upgrade, IsRefusedAsTheTableSays) {
    auto config = test_config();
    config.allowed_origins = {"https://app.example"};
    TestServer server(nullptr, config);
    const std::vector<std::pair<std::string, int>> cases{
        {"GET /websocket HTTP/1.1\r\nHost: a\r\n\r\n", 426},
        {"GET /websocket?channel_id=x HTTP/1.0\r\n\r\n", 426},
        {"POST /websocket HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 405},
        {upgrade_request("Origin: https://evil.example\r\n"), 403},
        {upgrade_request("Origin: null\r\n"), 403},
        {upgrade_request("Origin: https://app.example\r\n"), 101},
        {upgrade_request("Origin: http://localhost:3000\r\n"), 101},
        {upgrade_request("Authorization: Bearer\r\n"), 401},
        {upgrade_request("Authorization: Basic YTpi\r\n"), 401},
        {upgrade_request("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400},
        {upgrade_request("", "/websocket?channel_id="), 400},
        {upgrade_request("", "/websocket?channel_id=%FF"), 400},
        {upgrade_request("Content-Length: 3\r\n"), 400},
    };
    for (const auto& [request, status] : cases) {
        RawClient client(server.port());
        client.send(request);
        const auto got = client.response();
        EXPECT_EQ(status_of(got), status) << request;
        if (status == 101) continue;
        EXPECT_EQ(body_of(got).substr(0, 10), R"({"error":")") << got;
    }
    // The only lines are of the origins, and name the setting.
    const auto records = server.server().services().log.take();
    ASSERT_TRUE(records);
    int refused_origins = 0;
    for (const auto& record : *records) {
        if (record.event != "origin_refused") continue;
        ++refused_origins;
        EXPECT_EQ(record.fields.at(1).second, "allowed_origins");
    }
    EXPECT_EQ(refused_origins, 2);
}

TEST(Upgrade, IsRefusedWhileTheServerDrains) {
    TestServer server;
    RawClient connected(server.port());
    connected.send("GET /");
    server.server().drain();
    connected.send(" HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(status_of(connected.rest()), 503);
    RawClient late(server.port());
    late.send(upgrade_request());
    EXPECT_EQ(status_of(late.rest()), 503);
}

}  // namespace
}  // namespace jac::cloud
