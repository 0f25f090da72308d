// The app's policy over real sockets: it is asked at the handshake, and by sessions.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "http_support.hpp"
#include "ws_client.hpp"

namespace jac::cloud {
namespace {

using nlohmann::json;
using test::WsClient;

std::string join_request(const std::string& channel, const std::string& fields = "") {
    return "GET /websocket?channel_id=" + channel +
           " HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
           fields + "\r\n";
}

// A server whose policy is answered by the test, as a worker of the interpreter's side would.
class PolicedServer : public testing::Test {
  protected:
    using Decide = std::function<std::optional<bool>(const json& question)>;

    // Waits for the policy for longer than any test takes.
    static Config patient_config() {
        auto config = test_config();
        config.client_events_policy_timeout = 300;
        return config;
    }

    void start(Decide decide, Config config = patient_config()) {
        decide_ = std::move(decide);
        server_ = std::make_unique<Server>(std::move(config));
        server_->set_policy("may", false);
        server_->start();
        worker_ = std::thread([this] {
            while (auto job = server_->services().policy_lane.take()) {
                const auto answer = decide_(json::parse(job->request().context));
                if (answer) {
                    job->finish({*answer ? "[true]" : "[false]"});
                } else {
                    job->fail(ReplyError::walker_failed, {});
                }
            }
        });
        checker_ = std::thread([this] {
            while (auto check = server_->services().token_lane.take()) {
                if (check->token() == "down") {
                    check->answer(TokenProblem::unchecked);
                } else {
                    check->answer(Identity{{0, 7}, true});
                }
            }
        });
    }

    // For a policy that takes its time.
    void wait_for_go() {
        asked_ = true;
        while (!go_) std::this_thread::yield();
    }

    void TearDown() override {
        go_ = true;
        server_->stop(std::chrono::seconds(5));
        worker_.join();
        checker_.join();
        EXPECT_EQ(figure("connections"), 0U);
    }

    std::uint64_t figure(std::string_view name) const {
        for (const auto& [key, value] : server_->stats()) {
            if (key == name) return value;
        }
        throw std::out_of_range(std::string(name));
    }

    std::atomic<bool> asked_ = false;
    std::atomic<bool> go_ = false;
    Decide decide_;
    std::unique_ptr<Server> server_;
    std::thread worker_;
    std::thread checker_;
};

TEST_F(PolicedServer, LetsIntoAChannelWhomThePolicyAllows) {
    start([](const json& question) {
        return question["action"] != "join" || question["targets"] == json({"open"});
    });
    WsClient client(server_->port(), "/websocket?channel_id=open");
    EXPECT_EQ(client.receive()["data"]["channel_id"], "open");
    RawClient refused(server_->port());
    refused.send(join_request("closed"));
    const auto answer = refused.rest();
    EXPECT_EQ(status_of(answer), 403);
    EXPECT_EQ(json::parse(body_of(answer))["code"], "forbidden");
    EXPECT_EQ(figure("policy_allowed"), 1U);
    EXPECT_EQ(figure("policy_refused"), 1U);
}

TEST_F(PolicedServer, IsNotAskedForAChannelOfTheClientsOwn) {
    start([](const json&) { return false; });
    WsClient client(server_->port());
    client.receive();
    client.send(json{{"type", "change_user"}, {"token", "t"}});
    EXPECT_EQ(client.receive()["data"]["root_id"], "n::000000000000000000000007");
    EXPECT_EQ(figure("policy_questions"), 0U);
}

TEST_F(PolicedServer, AnswersAHandshake503WhenThePolicyFails) {
    start([](const json&) { return std::nullopt; });
    RawClient client(server_->port());
    client.send(join_request("room"));
    const auto answer = client.rest();
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_NE(answer.find("Retry-After: "), std::string::npos);
    EXPECT_EQ(json::parse(body_of(answer))["code"], "unavailable");
    EXPECT_EQ(figure("policy_failed"), 1U);
}

TEST_F(PolicedServer, AnswersAHandshake503WhenThePolicyTakesTooLongAndServesOthersMeanwhile) {
    auto config = test_config();
    config.client_events_policy_timeout = 0.1;
    start(
        [this](const json&) {
            wait_for_go();
            return true;
        },
        config);
    RawClient client(server_->port());
    client.send(join_request("room"));
    WsClient other(server_->port());
    other.receive();
    other.send(json{{"type", "connection"}});
    EXPECT_EQ(other.receive()["type"], "connection");
    EXPECT_EQ(status_of(client.rest()), 503);
    EXPECT_EQ(figure("policy_failed"), 1U);
    EXPECT_EQ(figure("sessions"), 1U);
}

TEST_F(PolicedServer, AsksForTheUserOfTheToken) {
    start([](const json&) { return true; });
    WsClient client(server_->port(), "/websocket?channel_id=room", "Bearer t");
    EXPECT_EQ(client.receive()["data"]["root_id"], "n::000000000000000000000007");
    EXPECT_EQ(figure("policy_questions"), 1U);
}

TEST_F(PolicedServer, AnswersASessionsEventsInTheirOrder) {
    start([](const json& question) { return question["targets"] != json({"closed"}); });
    WsClient client(server_->port(), "/websocket?channel_id=room");
    client.receive();
    for (const auto* channel : {"room", "closed", "room"}) {
        client.send(json{{"type", "channel"},
                         {"channel_ids", {channel}},
                         {"data", {{"to", channel}}},
                         {"id", channel}});
    }
    EXPECT_EQ(client.receive()["to"], "room");
    EXPECT_EQ(client.receive()["type"], "ack");
    EXPECT_EQ(client.receive()["code"], "forbidden");
    EXPECT_EQ(client.receive()["to"], "room");
    EXPECT_EQ(client.receive()["type"], "ack");
    EXPECT_EQ(figure("policy_questions"), 3U) << "to join, and to send to each channel once";
}

TEST_F(PolicedServer, SendsTheEventOfASessionWhoseSocketIsDroppedMeanwhile) {
    start([this](const json& question) {
        if (question["action"] == "send") wait_for_go();
        return true;
    });
    WsClient watcher(server_->port(), "/websocket?channel_id=room");
    watcher.receive();
    {
        WsClient client(server_->port(), "/websocket?channel_id=room");
        client.receive();
        client.send(json{{"type", "channel"}, {"channel_ids", {"room"}}, {"data", json::object()}});
        EXPECT_TRUE(eventually([this] { return asked_.load(); }));
        client.drop();
    }
    EXPECT_TRUE(eventually([this] { return figure("clients") == 1; }));
    go_ = true;
    EXPECT_EQ(watcher.receive(), json::object()) << "the event came whole before the end";
}

TEST_F(PolicedServer, AHandshakeIsAnswered503WhenItsTokenCannotBeChecked) {
    start([](const json&) { return true; });
    RawClient client(server_->port());
    client.send(join_request("room", "Authorization: Bearer down\r\n"));
    const auto answer = client.rest();
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_NE(answer.find("Retry-After: "), std::string::npos);
    EXPECT_EQ(answer.find("WWW-Authenticate"), std::string::npos);
}

}  // namespace
}  // namespace jac::cloud
