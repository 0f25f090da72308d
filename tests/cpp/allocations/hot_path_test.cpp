// What the I/O threads allocate for each event once they are warm: nothing.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "allocation_counter.hpp"
#include "server/server.hpp"
#include "server/ws_client.hpp"

namespace jac::cloud {
namespace {

using nlohmann::json;
using test::WsClient;

class HotPath : public testing::Test {
  protected:
    void SetUp() override {
        Config config;
        config.port = 0;
        config.io_threads = 1;
        config.message_rate = 0;
        // Pings come by the clock, not by the event.
        config.ping_interval = 0;
        server_ = std::make_unique<Server>(std::move(config));
        server_->start();
    }

    void TearDown() override {
        clients_.clear();
        server_->stop(std::chrono::seconds(5));
    }

    // A client that has read who it is.
    WsClient& connect(const std::string& channel) {
        clients_.push_back(
            std::make_unique<WsClient>(server_->port(), "/websocket?channel_id=" + channel));
        hello_ = clients_.back()->receive();
        return *clients_.back();
    }

    // The allocations of the I/O threads while this is done so often, after it was done before.
    template <class Turn>
    static std::size_t allocated_by(int times, Turn turn) {
        for (int i = 0; i < times / 5; ++i) turn();
        test::keep_stacks();
        const auto before = test::allocations();
        for (int i = 0; i < times; ++i) turn();
        const auto count = test::allocations() - before;
        if (count != 0) test::print_stacks();
        return count;
    }

    static std::string event(const std::string& type, const std::string& target) {
        return json{
            {"type", type}, {type + "_ids", {target}}, {"data", {{"text", std::string(100, 'x')}}}}
            .dump();
    }

    test::NotCounted not_this_thread_;
    std::unique_ptr<Server> server_;
    std::vector<std::unique_ptr<WsClient>> clients_;
    json hello_;
};

constexpr int window = 16;  // messages on their way

TEST_F(HotPath, AnEchoAllocatesNothing) {
    auto& client = connect("quiet");
    const auto text = event("client", hello_["data"]["client_id"]);
    EXPECT_EQ(allocated_by(10'000 / window,
                           [&] {
                               for (int i = 0; i < window; ++i) client.send(text);
                               for (int i = 0; i < window; ++i) client.receive_text();
                           }),
              0U);
}

TEST_F(HotPath, AFanOutAllocatesNothing) {
    auto& publisher = connect("elsewhere");
    std::vector<WsClient*> subscribers;
    for (int i = 0; i < 8; ++i) {
        subscribers.push_back(&connect("a-channel-of-a-name-that-is-no-short-string"));
    }
    const auto text = event("channel", "a-channel-of-a-name-that-is-no-short-string");
    EXPECT_EQ(allocated_by(10'000 / window,
                           [&] {
                               for (int i = 0; i < window; ++i) publisher.send(text);
                               for (auto* const subscriber : subscribers) {
                                   for (int i = 0; i < window; ++i) subscriber->receive_text();
                               }
                           }),
              0U);
}

TEST_F(HotPath, AnAcknowledgedEventOfAUserAllocatesNothing) {
    auto& client = connect("quiet");
    auto asked = json::parse(event("user", hello_["data"]["root_id"]));
    asked["root_ids"] = {hello_["data"]["root_id"]};
    asked.erase("user_ids");
    asked["id"] = 17;
    const auto text = asked.dump();
    EXPECT_EQ(allocated_by(10'000 / window,
                           [&] {
                               for (int i = 0; i < window; ++i) client.send(text);
                               for (int i = 0; i < 2 * window; ++i) client.receive_text();
                           }),
              0U);
}

// Notifications come from threads of Python, which make the message; the I/O thread only passes it
// on.
TEST_F(HotPath, ANotificationAllocatesAFixedFew) {
    auto& client = connect("a-channel-of-a-name-that-is-no-short-string");
    const std::vector<std::string_view> channel{"a-channel-of-a-name-that-is-no-short-string"};
    const std::string data = R"({"text":")" + std::string(100, 'x') + R"("})";
    std::size_t made_here = 0;
    constexpr int times = 10'000 / window;
    const auto of_io_threads = allocated_by(times, [&] {
        const auto before = test::allocations_of_this_thread();
        for (int i = 0; i < window; ++i) {
            server_->broker()->publish(std::make_shared<const Publication>(Publication{
                Targets(TargetKind::channel, channel), std::make_shared<const Message>(data)}));
        }
        made_here = test::allocations_of_this_thread() - before;
        for (int i = 0; i < window; ++i) client.receive_text();
    });
    EXPECT_EQ(of_io_threads, 0U);
    // The publication, its list of names and a name; the message and its bytes; a wake-up at most.
    EXPECT_GE(made_here, 5U * window);
    EXPECT_LE(made_here, 6U * window);
}

}  // namespace
}  // namespace jac::cloud
