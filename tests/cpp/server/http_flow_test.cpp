// Back-pressure both ways, and clients and applications that leave half way.
#include <gtest/gtest.h>

#include "http_support.hpp"

namespace jac::cloud {
namespace {

TEST(HttpFlow, HoldsBackABodyThatTheApplicationDoesNotRead) {
    std::mutex mutex;
    std::shared_ptr<HttpExchange> held;
    TestServer server([&](const auto& exchange) {
        const std::lock_guard lock(mutex);
        if (!held) held = exchange;
    });
    const std::string body(8'000'000, 'x');
    RawClient client(server.port());
    std::thread sender([&] { client.send(post(body)); });
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return held && !held->wants_body();
    }));
    std::size_t most = 0;
    std::size_t total = 0;
    ASSERT_TRUE(eventually([&] {
        const auto piece = held->read();
        most = std::max(most, piece.bytes.size());
        total += piece.bytes.size();
        return !piece.more;
    }));
    sender.join();
    EXPECT_EQ(total, body.size());
    EXPECT_LE(most, HttpExchange::high_water + 65536);
    respond(*held, "done");
    EXPECT_EQ(body_of(client.response()), "done");
}

TEST(HttpFlow, TellsTheApplicationToWaitForASlowClient) {
    std::mutex mutex;
    std::shared_ptr<HttpExchange> held;
    TestServer server([&](const auto& exchange) {
        const std::lock_guard lock(mutex);
        held = exchange;
    });
    RawClient client(server.port(), 4096);
    client.send(get_root);
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return held != nullptr;
    }));
    held->start(200, {});
    const std::string piece(100'000, 'x');
    std::size_t written = 0;
    bool told_to_wait = false;
    for (int i = 0; i < 1000 && !told_to_wait; ++i) {
        told_to_wait = held->write(piece, true) == HttpExchange::Written::wait;
        written += piece.size();
    }
    ASSERT_TRUE(told_to_wait);
    std::thread reader([&] { EXPECT_EQ(body_of(client.response()).size(), written); });
    EXPECT_TRUE(eventually([&] { return server.application().count(HttpSignal::drained) == 1; }));
    held->write("", false);
    reader.join();
}

TEST(HttpFlow, TellsTheApplicationThatTheClientHasGone) {
    std::mutex mutex;
    std::shared_ptr<HttpExchange> held;
    TestServer server([&](const auto& exchange) {
        const std::lock_guard lock(mutex);
        held = exchange;
    });
    for (const bool by_reset : {true, false}) {
        RawClient client(server.port());
        client.send(get_root);
        ASSERT_TRUE(eventually([&] {
            const std::lock_guard lock(mutex);
            return held != nullptr;
        }));
        if (by_reset) {
            client.reset();
        } else {
            client.close();
        }
        EXPECT_TRUE(eventually([&] { return held->disconnected(); }));
        EXPECT_TRUE(
            eventually([&] { return server.application().count(HttpSignal::disconnect) > 0; }));
        held->start(200, {});
        EXPECT_TRUE(eventually([&] {
            return held->write(std::string(1000, 'x'), true) == HttpExchange::Written::gone;
        }));
        const std::lock_guard lock(mutex);
        held.reset();
    }
}

TEST(HttpFlow, AnswersAClientThatOnlyStoppedSending) {
    TestServer server([](const auto& exchange) {
        eventually([&] { return exchange->disconnected(); });
        respond(*exchange, "still here");
    });
    RawClient client(server.port());
    client.send(get_root);
    client.end_sending();
    EXPECT_EQ(body_of(client.rest()), "still here");
}

TEST(HttpFlow, AnswersForAnApplicationThatGivesUp) {
    TestServer server([](const auto& exchange) { exchange->abandon(); });
    RawClient client(server.port());
    client.send(get_root);
    const auto got = client.rest();
    EXPECT_EQ(status_of(got), 500);
    EXPECT_NE(got.find(R"("code":"internal_error")"), std::string::npos);
}

TEST(HttpFlow, CutsOffAResponseThatIsGivenUpHalfWay) {
    TestServer server([](const auto& exchange) {
        exchange->start(200, {{"content-length", "10"}});
        exchange->write("half ", true);
        exchange->abandon();
    });
    RawClient client(server.port());
    client.send(get_root);
    EXPECT_EQ(body_of(client.rest()), "half ");
}

TEST(HttpFlow, LeavesNothingToBeTakenWhenTheQueueIsClosed) {
    HttpQueue queue;
    queue.open();
    queue.push_request(std::make_shared<HttpExchange>(HttpRequest{}, nullptr, [] {}));
    pollfd ready{queue.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&ready, 1, 0), 1);
    queue.close();
    EXPECT_EQ(::poll(&ready, 1, 0), 0);
}

TEST(HttpFlow, SaysUnavailableWhenTheApplicationIsTooFarBehind) {
    HttpQueue queue(2);
    queue.open();
    const auto exchange = [&] {
        return std::make_shared<HttpExchange>(HttpRequest{}, nullptr, [] {});
    };
    EXPECT_TRUE(queue.push_request(exchange()));
    EXPECT_TRUE(queue.push_request(exchange()));
    EXPECT_FALSE(queue.push_request(exchange()));
    EXPECT_EQ(queue.take().size(), 2U);
    EXPECT_TRUE(queue.push_request(exchange()));
    queue.close();
    EXPECT_FALSE(queue.push_request(exchange()));
}

TEST(HttpFlow, FinishesWhatRunsAndRefusesTheRestWhileDraining) {
    std::mutex mutex;
    std::shared_ptr<HttpExchange> held;
    TestServer server([&](const auto& exchange) {
        const std::lock_guard lock(mutex);
        if (!held) {
            held = exchange;
        } else {
            respond(*exchange, "other");
        }
    });
    RawClient running(server.port());
    running.send(get_root);
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return held != nullptr;
    }));
    RawClient idle(server.port());
    idle.send(get_root);
    EXPECT_EQ(body_of(idle.response()), "other");
    server.server().drain();
    EXPECT_EQ(idle.rest(), "");
    RawClient late(server.port());
    late.send(get_root);
    const auto refused = late.rest();
    EXPECT_EQ(status_of(refused), 503);
    EXPECT_NE(refused.find("Retry-After"), std::string::npos);
    respond(*held, "done");
    EXPECT_EQ(body_of(running.rest()), "done");
}

}  // namespace
}  // namespace jac::cloud
