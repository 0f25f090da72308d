// A session's life over real sockets, without an interpreter.

#include "server/server.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "ws_client.hpp"

namespace jac::cloud {
namespace {

using nlohmann::json;
using test::WsClient;
using namespace std::chrono_literals;

Config small_config() {
    Config config;
    config.port = 0;
    config.io_threads = 2;
    return config;
}

// Waits for the condition, not for a time: only a broken server makes it give up.
bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::yield();
    }
    return true;
}

class ServerTest : public testing::Test {
  protected:
    // Answers walkers and token checks as an interpreter would, one thread each.
    void start(Config config = small_config()) {
        server_ = std::make_unique<Server>(std::move(config));
        server_->services().longest_goodbye = longest_goodbye_;
        server_->set_walkers(
            std::make_shared<const WalkerTable>(WalkerTable{{"open", false}, {"closed", true}}));
        server_->start();
        checker_ = std::thread([this] {
            while (auto check = server_->services().token_lane.take()) {
                if (check->token() == "alice") {
                    check->answer(Identity{{0, 0xA11CE}, true});
                } else {
                    check->answer(TokenProblem::invalid);
                }
            }
        });
    }

    void TearDown() override {
        if (server_) server_->stop(5s);
        if (checker_.joinable()) checker_.join();
        if (!server_) return;
        EXPECT_EQ(stat("sessions"), 0U);
        EXPECT_EQ(stat("clients"), 0U);
        EXPECT_EQ(stat("users"), 0U);
        EXPECT_EQ(stat("channels"), 0U);
        EXPECT_EQ(stat("connections"), 0U);
    }

    std::uint64_t stat(std::string_view name) const {
        for (const auto& [key, value] : server_->stats()) {
            if (key == name) return value;
        }
        ADD_FAILURE() << "no figure " << name;
        return 0;
    }

    // Has a client ask for a walker, and takes the job as a worker would.
    WalkerJob job_of(WsClient& client) {
        client.send(json{{"type", "walker"}, {"walker", "open"}, {"response", true}});
        return server_->services().walker_lane.take().value();
    }

    std::chrono::milliseconds longest_goodbye_ = 1h;
    std::unique_ptr<Server> server_;
    std::thread checker_;
};

TEST_F(ServerTest, TellsAClientWhoItIs) {
    start();
    WsClient client(server_->port(), "/websocket?channel_id=caf%C3%A9");
    const json hello = client.receive();
    EXPECT_EQ(hello["type"], "connection");
    EXPECT_EQ(hello["data"]["root_id"], "n::000000000000000000000001");
    EXPECT_EQ(hello["data"]["channel_id"], "caf\u00e9");
    client.send(json{{"type", "connection"}});
    EXPECT_EQ(client.receive(), hello);
}

TEST_F(ServerTest, TakesATokenInTheHandshake) {
    start();
    WsClient client(server_->port(), "/websocket", "bearer alice");
    EXPECT_EQ(client.receive()["data"]["root_id"], "n::0000000000000000000a11ce");
}

TEST_F(ServerTest, NeverUpgradesABadToken) {
    start();
    EXPECT_THROW(WsClient(server_->port(), "/websocket", "Bearer mallory"),
                 boost::system::system_error);
    EXPECT_TRUE(eventually([this] { return stat("connections") == 0; }));
}

TEST_F(ServerTest, ChangesUserAndBack) {
    start();
    WsClient client(server_->port());
    client.receive();
    client.send(json{{"type", "change_user"}, {"token", "Bearer alice"}, {"id", 1}});
    json reply = client.receive();
    EXPECT_EQ(reply["data"]["root_id"], "n::0000000000000000000a11ce");
    EXPECT_EQ(reply["id"], 1);
    client.send(json{{"type", "change_user"}, {"token", "nobody"}});
    EXPECT_EQ(client.receive()["code"], "invalid_token");
    EXPECT_EQ(client.receive()["data"]["root_id"], "n::000000000000000000000001");
}

TEST_F(ServerTest, DeliversAcrossShardsByteForByte) {
    start();
    WsClient one(server_->port(), "/websocket?channel_id=room");
    WsClient two(server_->port(), "/websocket?channel_id=room");
    WsClient three(server_->port(), "/websocket?channel_id=room");
    one.receive();
    two.receive();
    three.receive();
    const std::string data = R"({"n":1.10,  "big":123456789012345678901234567890, "b":[ ]})";
    one.send(R"({"type":"channel","channel_ids":["room","room"],"data":)" + data + "}");
    EXPECT_EQ(one.receive_text(), data);
    EXPECT_EQ(two.receive_text(), data);
    EXPECT_EQ(three.receive_text(), data);
}

TEST_F(ServerTest, RunsAWalkerAndHoldsBackWhatCameBehindIt) {
    start();
    WsClient client(server_->port());
    const json hello = client.receive();
    client.send(json{{"type", "walker"}, {"walker", "open"}, {"response", true}, {"id", "w"}});
    client.send(json{{"type", "client"},
                     {"client_ids", {hello["data"]["client_id"]}},
                     {"data", {{"behind", true}}}});
    auto job = server_->services().walker_lane.take();
    ASSERT_TRUE(job);
    EXPECT_EQ(job->request().context, "{}");
    EXPECT_TRUE(job->request().origin.send(std::make_shared<const Message>(R"({"progress":1})")));
    job->finish({"[1,2]"});
    EXPECT_EQ(client.receive(), (json{{"progress", 1}}));
    EXPECT_EQ(client.receive(), json::parse(R"({"type":"walker","walker":"open","status":200,
                                               "reports":[1,2],"id":"w"})"));
    EXPECT_EQ(client.receive(), (json{{"behind", true}}));
}

TEST_F(ServerTest, RefusesWalkersThatNeedAUserOrAreNotThere) {
    start();
    WsClient client(server_->port());
    client.receive();
    client.send(json{{"type", "walker"}, {"walker", "closed"}});
    EXPECT_EQ(client.receive()["error"], "Event closed requires to be authenticated!");
    client.send(json{{"type", "walker"}, {"walker", "../open"}});
    EXPECT_EQ(client.receive()["code"], "unknown_walker");
}

TEST_F(ServerTest, ForgetsAClientThatDropsWhileItsWalkerRuns) {
    start();
    WsClient client(server_->port());
    client.receive();
    auto job = job_of(client);
    client.drop();
    EXPECT_TRUE(eventually([this] { return stat("clients") == 0; }));
    EXPECT_FALSE(job.request().origin.send(std::make_shared<const Message>("{}")));
    job.finish({"[]"});
    EXPECT_TRUE(eventually([this] { return stat("connections") == 0; }));
}

TEST_F(ServerTest, NoticesAResetWhileItReadsNoMore) {
    Config config = small_config();
    config.held_events = 4;
    start(std::move(config));
    WsClient client(server_->port());
    client.receive();
    for (int i = 0; i < 5; ++i) client.send(json{{"type", "walker"}, {"walker", "open"}});
    auto job = server_->services().walker_lane.take();
    ASSERT_TRUE(job);
    // Not read by the server, so that closing resets.
    client.socket().set_option(boost::asio::socket_base::linger(true, 0));
    client.drop();
    EXPECT_TRUE(eventually([this] { return stat("clients") == 0; }));
    job->finish({"[]"});
    for (int i = 0; i < 4; ++i) server_->services().walker_lane.take()->finish({"[]"});
}

TEST_F(ServerTest, NoticesAnEndWhileItReadsNoMore) {
    Config config = small_config();
    config.held_events = 4;
    start(std::move(config));
    WsClient client(server_->port());
    client.receive();
    for (int i = 0; i < 6; ++i) client.send(json{{"type", "walker"}, {"walker", "open"}});
    auto job = server_->services().walker_lane.take();
    ASSERT_TRUE(job);
    // What was sent last lies before the end, and is not read.
    client.socket().shutdown(boost::asio::socket_base::shutdown_send);
    EXPECT_TRUE(eventually([this] { return stat("clients") == 0; }));
    job->finish({"[]"});
    for (int i = 0; i < 4; ++i) server_->services().walker_lane.take()->finish({"[]"});
}

TEST_F(ServerTest, ReadsWhatCameWhileItReadNoMore) {
    Config config = small_config();
    config.held_events = 4;
    start(std::move(config));
    WsClient client(server_->port());
    const json hello = client.receive();
    for (int i = 0; i < 5; ++i) client.send(json{{"type", "walker"}, {"walker", "open"}});
    auto job = server_->services().walker_lane.take();
    ASSERT_TRUE(job);
    for (int i = 0; i < 3; ++i) {
        client.send(json{{"type", "client"},
                         {"client_ids", {hello["data"]["client_id"]}},
                         {"data", {{"behind", i}}}});
    }
    job->finish({"[]"});
    for (int i = 0; i < 4; ++i) server_->services().walker_lane.take()->finish({"[]"});
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.receive(), (json{{"behind", i}}));
}

TEST_F(ServerTest, ServesOthersWhileOneSendsWithoutPause) {
    Config config = small_config();
    config.io_threads = 1;
    config.message_rate = 0;
    start(std::move(config));
    WsClient endless(server_->port());
    endless.receive();
    WsClient other(server_->port());
    const json hello = other.receive();
    std::atomic<bool> done = false;
    std::thread sender([&] {
        const json event{{"type", "client"},
                         {"client_ids", {"nobody"}},
                         {"data", {{"fill", std::string(8 << 10, 'x')}}}};
        while (!done) endless.send(event);
    });
    for (int i = 0; i < 100; ++i) {
        other.send(json{{"type", "client"},
                        {"client_ids", {hello["data"]["client_id"]}},
                        {"data", {{"n", i}}}});
        EXPECT_EQ(other.receive(), (json{{"n", i}}));
    }
    done = true;
    sender.join();
}

TEST_F(ServerTest, SaysGoodbyeToWhoWaitsForNoWalkerWhileItDrains) {
    auto config = small_config();
    config.io_threads = 1;
    start(std::move(config));
    WsClient busy(server_->port());
    busy.receive();
    auto job = job_of(busy);
    std::vector<std::unique_ptr<WsClient>> idle;
    // More than get their goodbye in one turn.
    for (int i = 0; i < 300; ++i) {
        idle.push_back(std::make_unique<WsClient>(server_->port()));
        idle.back()->receive();
    }
    server_->drain();
    for (auto& client : idle) EXPECT_EQ(client->wait_for_close(), CloseCode::going_away);
    EXPECT_EQ(stat("sessions"), 1U);
    job.finish({"[7]"});
    EXPECT_EQ(busy.receive()["reports"], json::parse("[7]"));
    EXPECT_EQ(busy.wait_for_close(), CloseCode::going_away);
}

TEST_F(ServerTest, SaysGoodbyeInTimeToWhoseWalkerRunsOn) {
    longest_goodbye_ = 100ms;
    start();
    WsClient client(server_->port());
    client.receive();
    auto job = job_of(client);
    server_->drain();
    EXPECT_EQ(client.wait_for_close(), CloseCode::going_away);
    job.finish({"[]"});
}

TEST_F(ServerTest, ClosesAClientThatAnswersNoPings) {
    Config config = small_config();
    config.ping_interval = 0.05;
    config.pong_timeout = 0.05;
    start(std::move(config));
    WsClient client(server_->port());
    client.receive();
    // Blocking clients answer pings only while they read: this one does not, until it is too late.
    EXPECT_TRUE(eventually([this] { return stat("not_responding") == 1; }));
    EXPECT_EQ(client.wait_for_close(), CloseCode::not_responding);
}

TEST_F(ServerTest, ClosesASlowConsumerAndServesTheOthers) {
    Config config = small_config();
    config.outbox_bytes = 64 << 10;
    config.message_rate = 0;
    start(std::move(config));
    WsClient slow(server_->port(), "/websocket?channel_id=slow");
    slow.receive();
    WsClient publisher(server_->port());
    publisher.receive();
    const json event{{"type", "channel"},
                     {"channel_ids", {"slow"}},
                     {"data", {{"fill", std::string(32 << 10, 'x')}}},
                     {"id", 1}};
    while (stat("slow_consumers") == 0) {
        publisher.send(event);
        EXPECT_EQ(publisher.receive()["type"], "ack");
    }
    EXPECT_EQ(slow.wait_for_close(), CloseCode::slow_consumer);
}

TEST_F(ServerTest, ClosesMessagesThatAreTooBig) {
    Config config = small_config();
    config.max_message_bytes = 1000;
    start(std::move(config));
    WsClient client(server_->port());
    client.receive();
    client.send(std::string(1000, ' '));
    EXPECT_EQ(client.receive()["code"], "invalid_json");
    client.send(std::string(1001, ' '));
    EXPECT_EQ(client.wait_for_close(), CloseCode::message_too_big);
}

TEST_F(ServerTest, SaysGoodbyeToEveryoneWhenItStops) {
    start();
    std::vector<std::unique_ptr<WsClient>> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(std::make_unique<WsClient>(server_->port()));
        clients.back()->receive();
    }
    std::thread stopping([this] { server_->stop(10s); });
    for (auto& client : clients) EXPECT_EQ(client->wait_for_close(), CloseCode::going_away);
    stopping.join();
}

TEST_F(ServerTest, LetsAWalkerFinishWhileItDrains) {
    start();
    WsClient client(server_->port());
    client.receive();
    auto job = job_of(client);
    server_->drain();
    EXPECT_FALSE(server_->services().walker_lane.take());
    job.finish({"[7]"});
    EXPECT_EQ(client.receive()["reports"], json::parse("[7]"));
    std::thread stopping([this] { server_->stop(10s); });
    EXPECT_EQ(client.wait_for_close(), CloseCode::going_away);
    stopping.join();
}

TEST_F(ServerTest, AnswersThatComeAfterItsEndFindNobody) {
    start();
    WsClient client(server_->port());
    client.receive();
    auto job = job_of(client);
    server_->stop(0s);
    EXPECT_FALSE(job.request().origin.send(std::make_shared<const Message>("{}")));
    job.finish({"[]"});
}

TEST_F(ServerTest, NamesItsThreadsForWhoLooksAtTheProcess) {
    start();
    std::multiset<std::string> names;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string name;
        std::getline(std::ifstream(task.path() / "comm"), name);
        names.insert(name);
    }
    EXPECT_EQ(names.count("jac-io-0"), 1U);
    EXPECT_EQ(names.count("jac-io-1"), 1U);
}

TEST_F(ServerTest, SaysWhichAddressIsTaken) {
    start();
    Config config = small_config();
    config.port = server_->port();
    Server second(config);
    try {
        second.start();
        FAIL() << "two servers on one port";
    } catch (const ListenError& error) {
        EXPECT_EQ(error.code(), make_error_code(Errc::address_in_use));
        EXPECT_NE(std::string(error.what()).find(std::to_string(config.port)), std::string::npos);
    }
}

TEST_F(ServerTest, SurvivesClientsThatComeAndGoWhileOthersPublish) {
    Config config = small_config();
    config.message_rate = 0;
    start(std::move(config));
    constexpr int messages = 300;
    WsClient stable(server_->port(), "/websocket?channel_id=busy");
    stable.receive();
    std::atomic<bool> done = false;
    std::vector<std::thread> churn;
    for (int i = 0; i < 3; ++i) {
        churn.emplace_back([&, i] {
            while (!done) {
                WsClient visitor(server_->port(), "/websocket?channel_id=busy");
                visitor.receive();
                if (i == 0) {
                    visitor.drop();
                } else {
                    visitor.close();
                }
            }
        });
    }
    const auto broker = server_->broker();
    for (int i = 0; i < messages; ++i) {
        const std::vector<std::string_view> names{"busy"};
        broker->publish(std::make_shared<const Publication>(
            Publication{Targets(TargetKind::channel, names),
                        std::make_shared<const Message>(json{{"n", i}}.dump())}));
    }
    for (int i = 0; i < messages; ++i) EXPECT_EQ(stable.receive(), (json{{"n", i}}));
    done = true;
    for (auto& thread : churn) thread.join();
}

}  // namespace
}  // namespace jac::cloud
