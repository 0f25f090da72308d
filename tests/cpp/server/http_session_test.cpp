// HTTP over real sockets: requests, bodies, order, limits of time and size.
#include <gtest/gtest.h>

#include "http_support.hpp"

namespace jac::cloud {
namespace {

const std::string get_root = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

std::string post(const std::string& body, const std::string& fields = "") {
    return "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + fields + "\r\n" + body;
}

TEST(HttpSession, AnswersHealthItself) {
    TestServer server(nullptr);
    RawClient client(server.port());
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto got = client.response();
    EXPECT_EQ(status_of(got), 200);
    EXPECT_EQ(body_of(got), R"({"status":"ok"})");
    EXPECT_EQ(got.find("Server:"), std::string::npos);
    client.send("HEAD /healthz?x HTTP/1.1\r\nHost: a\r\n\r\n");
    const auto head = client.response(true);
    EXPECT_NE(head.find("Content-Length: 15"), std::string::npos);
    client.send("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_NE(client.rest().find("Connection: close"), std::string::npos);
}

TEST(HttpSession, SaysUnavailableWithoutAnApplication) {
    TestServer server(nullptr);
    RawClient client(server.port());
    client.send(get_root);
    const auto got = client.rest();
    EXPECT_EQ(status_of(got), 503);
    EXPECT_NE(got.find("Retry-After: "), std::string::npos);
    EXPECT_NE(got.find(R"("code":"unavailable")"), std::string::npos);
}

TEST(HttpSession, TellsTheApplicationWhatWasAsked) {
    HttpRequest seen;
    TestServer server([&seen](const auto& exchange) {
        seen = exchange->request();
        respond(*exchange, "ok");
    });
    RawClient client(server.port());
    client.send("PATCH /a%20b?c=d HTTP/1.1\r\nHost: A:1\r\nX-Two: 1\r\nx-two:  2 \r\n\r\n");
    EXPECT_EQ(status_of(client.response()), 200);
    EXPECT_EQ(seen.method, "PATCH");
    EXPECT_EQ(seen.target, "/a%20b?c=d");
    EXPECT_FALSE(seen.http10);
    const HttpFields fields{{"host", "A:1"}, {"x-two", "1"}, {"x-two", "2"}};
    EXPECT_EQ(seen.fields, fields);
    EXPECT_EQ(seen.client_address, "127.0.0.1");
    EXPECT_NE(seen.client_port, 0);
    EXPECT_EQ(seen.server_address, "127.0.0.1");
    EXPECT_EQ(seen.server_port, server.port());
}

TEST(HttpSession, KeepsTheConnectionForMoreRequests) {
    TestServer server;
    RawClient client(server.port());
    for (int i = 0; i < 5; ++i) {
        client.send(post("body " + std::to_string(i)));
        EXPECT_EQ(body_of(client.response()), "POST /p body " + std::to_string(i));
    }
    EXPECT_EQ(server.figure("connections"), 1U);
}

TEST(HttpSession, AnswersPipelinedRequestsInOrder) {
    TestServer server;
    RawClient client(server.port());
    std::string requests;
    for (int i = 0; i < 50; ++i) {
        requests += i % 3 == 0 ? "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
                               : post("body " + std::to_string(i));
    }
    client.send(requests);
    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(body_of(client.response()),
                  i % 3 == 0 ? R"({"status":"ok"})" : "POST /p body " + std::to_string(i));
    }
}

TEST(HttpSession, ReadsRequestsThatArriveByteByByte) {
    TestServer server;
    RawClient client(server.port());
    client.send_slowly("\r\n" + post("hello") + "\r\n" + get_root);
    EXPECT_EQ(body_of(client.response()), "POST /p hello");
    EXPECT_EQ(body_of(client.response()), "GET / ");
}

TEST(HttpSession, ReadsChunkedBodies) {
    TestServer server;
    RawClient client(server.port());
    const std::string chunked =
        "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;name=\"value\"\r\nhello\r\n00001\r\n!\r\nA\r\n0123456789\r\n0\r\nX-Trailer: a\r\n\r\n";
    client.send(chunked + chunked);
    client.send_slowly(chunked);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(body_of(client.response()), "POST /c hello!0123456789");
}

TEST(HttpSession, SendsChunksWhenTheApplicationStreams) {
    TestServer server([](const auto& exchange) {
        exchange->start(200, {});
        exchange->write("one", true);
        exchange->write("two", false);
    });
    RawClient client(server.port());
    client.send(get_root + get_root);
    for (int i = 0; i < 2; ++i) {
        const auto got = client.response();
        EXPECT_NE(got.find("Transfer-Encoding: chunked"), std::string::npos);
        EXPECT_EQ(body_of(got), "onetwo");
    }
}

TEST(HttpSession, EndsHttp10ResponsesByClosing) {
    TestServer server([](const auto& exchange) {
        exchange->start(200, {});
        exchange->write("one", true);
        exchange->write("two", false);
    });
    RawClient client(server.port());
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto got = client.rest();
    EXPECT_EQ(got.find("Transfer-Encoding"), std::string::npos);
    EXPECT_EQ(body_of(got), "onetwo");
}

TEST(HttpSession, SendsNoBodyToHead) {
    TestServer server;
    RawClient client(server.port());
    client.send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n" + get_root);
    EXPECT_EQ(body_of(client.response(true)), "");
    EXPECT_EQ(body_of(client.response()), "GET / ");
}

TEST(HttpSession, ClosesWhenTheClientWantsIt) {
    TestServer server;
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get_root);
    const auto got = client.rest();
    EXPECT_NE(got.find("Connection: close"), std::string::npos);
    EXPECT_EQ(body_of(got), "GET / ");
}

TEST(HttpSession, AsksForABodyThatWaitsToBeAskedFor) {
    TestServer server;
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.response(true), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    EXPECT_EQ(body_of(client.response()), "POST /p hello");
    client.send(post("sent at once", "Expect: 100-continue\r\n"));
    EXPECT_EQ(body_of(client.response()), "POST /p sent at once");
}

TEST(HttpSession, DoesNotAskForABodyThatTheApplicationDoesNotWant) {
    TestServer server([](const auto& exchange) { respond(*exchange, "no", 401); });
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    const auto got = client.rest();
    EXPECT_EQ(status_of(got), 401);
    EXPECT_NE(got.find("Connection: close"), std::string::npos);
}

TEST(HttpSession, RefusesTooLongABodyBeforeItIsRead) {
    auto config = test_config();
    config.max_body_bytes = 1000;
    TestServer server(echo(), config);
    {
        RawClient client(server.port());
        client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n");
        const auto got = client.rest();
        EXPECT_EQ(status_of(got), 413);
        EXPECT_NE(got.find("Connection: close"), std::string::npos);
    }
    {
        RawClient client(server.port());
        client.send("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n");
        EXPECT_EQ(status_of(client.rest()), 413);
    }
    {
        RawClient client(server.port());
        client.send(
            "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n"
            "Expect: 100-continue\r\n\r\n");
        EXPECT_EQ(status_of(client.rest()), 413);
    }
    RawClient client(server.port());
    client.send(post(std::string(1000, 'x')));
    EXPECT_EQ(status_of(client.response()), 200);
}

TEST(HttpSession, TellsARefusedClientThatKeepsSending) {
    auto config = test_config();
    config.max_body_bytes = 1000;
    TestServer server(echo(), config);
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
    client.send(std::string(8'000'000, 'x'));
    client.end_sending();
    EXPECT_EQ(status_of(client.rest()), 413);
}

TEST(HttpSession, RefusesTooLongAHead) {
    TestServer server;
    const auto refused_with = [&server](const std::string& bytes) {
        RawClient client(server.port());
        client.send(bytes);
        return status_of(client.rest());
    };
    EXPECT_EQ(refused_with("GET /" + std::string(8200, 'a')), 414);
    EXPECT_EQ(refused_with("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(16384, 'a')), 431);
    std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < 200; ++i) many += "X: a\r\n";
    EXPECT_EQ(refused_with(many + "\r\n"), 431);
}

TEST(HttpSession, RefusesWhatCanBeReadInTwoWaysAndReadsNoFurther) {
    TestServer server;
    for (const std::string smuggled :
         {"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
          "POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\n",
          "GET / HTTP/1.1\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n",
          "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
          "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
          "nonsense\r\n\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\r\n\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\n\r\na\r\n0\r\n\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n 1\r\na\r\n0\r\n\r\n",
          "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 "
          "\r\na\r\n0\r\n\r\n"}) {
        RawClient client(server.port());
        client.send(smuggled + get_root);
        const auto got = client.rest();
        EXPECT_EQ(status_of(got), 400) << smuggled;
        EXPECT_EQ(got.find("HTTP/1.1", 1), std::string::npos) << smuggled << "\n" << got;
        EXPECT_NE(got.find("Connection: close"), std::string::npos);
    }
}

TEST(HttpSession, RefusesAChunkWhoseSizeOverflows) {
    for (const std::string size : {"10000000000000000", "FFFFFFFFFFFFFFFF", "80000000000000001"}) {
        TestServer server;
        RawClient client(server.port());
        client.send("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + size +
                    "\r\na\r\n0\r\n\r\n");
        const auto status = status_of(client.rest());
        EXPECT_TRUE(status == 400 || status == 413) << size << " " << status;
    }
}

TEST(HttpSession, RefusesAChunkLineWithoutEnd) {
    TestServer server;
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                std::string(100'000, 'x'));
    client.end_sending();
    EXPECT_EQ(status_of(client.rest()), 400);
}

TEST(HttpSession, ClosesOnTlsWithoutAnAnswer) {
    TestServer server;
    RawClient client(server.port());
    client.send("\x16\x03\x01\x02\x01\x01");
    EXPECT_EQ(client.rest(), "");
}

TEST(HttpSession, HoldsBackABodyThatTheApplicationDoesNotRead) {
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

TEST(HttpSession, TellsTheApplicationToWaitForASlowClient) {
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

TEST(HttpSession, TellsTheApplicationThatTheClientHasGone) {
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

TEST(HttpSession, AnswersAClientThatOnlyStoppedSending) {
    TestServer server([](const auto& exchange) {
        eventually([&] { return exchange->disconnected(); });
        respond(*exchange, "still here");
    });
    RawClient client(server.port());
    client.send(get_root);
    client.end_sending();
    EXPECT_EQ(body_of(client.rest()), "still here");
}

TEST(HttpSession, AnswersForAnApplicationThatGivesUp) {
    TestServer server([](const auto& exchange) { exchange->abandon(); });
    RawClient client(server.port());
    client.send(get_root);
    const auto got = client.rest();
    EXPECT_EQ(status_of(got), 500);
    EXPECT_NE(got.find(R"("code":"internal_error")"), std::string::npos);
}

TEST(HttpSession, CutsOffAResponseThatIsGivenUpHalfWay) {
    TestServer server([](const auto& exchange) {
        exchange->start(200, {{"content-length", "10"}});
        exchange->write("half ", true);
        exchange->abandon();
    });
    RawClient client(server.port());
    client.send(get_root);
    EXPECT_EQ(body_of(client.rest()), "half ");
}

TEST(HttpSession, ClosesASlowHeadAndASilentConnectionInTime) {
    auto config = test_config();
    config.handshake_timeout = 0.3;
    TestServer server(echo(), config);
    RawClient silent(server.port());
    RawClient slow(server.port());
    std::atomic<bool> ended = false;
    // Bytes keep coming, but the time is for the whole head.
    std::thread sender([&] {
        slow.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
        while (!ended) {
            slow.send("x");
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    });
    EXPECT_EQ(silent.rest(), "");
    EXPECT_EQ(status_of(slow.response()), 408);
    ended = true;
    sender.join();
}

TEST(HttpSession, ClosesAnIdleConnectionAndTimesTheNextHead) {
    auto config = test_config();
    config.idle_timeout = 0.2;
    config.handshake_timeout = 0.4;
    TestServer server(echo(), config);
    RawClient idle(server.port());
    idle.send(get_root);
    EXPECT_EQ(status_of(idle.response()), 200);
    EXPECT_EQ(idle.rest(), "");
    RawClient slow(server.port());
    slow.send(get_root + "GET");
    EXPECT_EQ(status_of(slow.response()), 200);
    EXPECT_EQ(status_of(slow.rest()), 408);
}

TEST(HttpSession, GivesUpOnABodyThatStops) {
    auto config = test_config();
    config.body_timeout = 0.2;
    TestServer server(echo(), config);
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf ");
    EXPECT_EQ(status_of(client.rest()), 408);
    EXPECT_TRUE(
        eventually([&] { return server.application().count(HttpSignal::disconnect) == 1; }));
}

TEST(HttpSession, DropsAClientThatDoesNotRead) {
    auto config = test_config();
    config.body_timeout = 0.2;
    TestServer server(
        [](const auto& exchange) { respond(*exchange, std::string(20'000'000, 'x')); }, config);
    RawClient client(server.port(), 4096);
    client.send(get_root);
    EXPECT_TRUE(eventually([&] { return server.figure("connections") == 1; }));
    EXPECT_TRUE(eventually([&] { return server.figure("connections") == 0; }));
}

TEST(HttpSession, LeavesAHandlerTheTimeItNeeds) {
    auto config = test_config();
    config.body_timeout = 0.05;
    config.idle_timeout = 0.05;
    config.handshake_timeout = 0.05;
    std::mutex mutex;
    std::shared_ptr<HttpExchange> held;
    TestServer server(
        [&](const auto& exchange) {
            const std::lock_guard lock(mutex);
            held = exchange;
        },
        config);
    RawClient client(server.port());
    client.send(post("whole"));
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

TEST(HttpSession, LeavesNothingToBeTakenWhenTheQueueIsClosed) {
    HttpQueue queue;
    queue.open();
    queue.push_request(std::make_shared<HttpExchange>(HttpRequest{}, nullptr, [] {}));
    pollfd ready{queue.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&ready, 1, 0), 1);
    queue.close();
    EXPECT_EQ(::poll(&ready, 1, 0), 0);
}

TEST(HttpSession, SaysUnavailableWhenTheApplicationIsTooFarBehind) {
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

TEST(HttpSession, FinishesWhatRunsAndRefusesTheRestWhileDraining) {
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
