// Requests and responses over real sockets: what is said, in which order, how it is framed.
#include <gtest/gtest.h>

#include "http_support.hpp"

namespace jac::cloud {
namespace {

TEST(HttpRequests, AnswersHealthItself) {
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

TEST(HttpRequests, SaysUnavailableWithoutAnApplication) {
    TestServer server(nullptr);
    RawClient client(server.port());
    client.send(get_root);
    const auto got = client.rest();
    EXPECT_EQ(status_of(got), 503);
    EXPECT_NE(got.find("Retry-After: "), std::string::npos);
    EXPECT_NE(got.find(R"("code":"unavailable")"), std::string::npos);
}

TEST(HttpRequests, TellsTheApplicationWhatWasAsked) {
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
    EXPECT_EQ(seen.endpoints->client_address, "127.0.0.1");
    EXPECT_NE(seen.endpoints->client_port, 0);
    EXPECT_EQ(seen.endpoints->server_address, "127.0.0.1");
    EXPECT_EQ(seen.endpoints->server_port, server.port());
}

TEST(HttpRequests, KeepsTheConnectionForMoreRequests) {
    TestServer server;
    RawClient client(server.port());
    for (int i = 0; i < 5; ++i) {
        client.send(post("body " + std::to_string(i)));
        EXPECT_EQ(body_of(client.response()), "POST /p body " + std::to_string(i));
    }
    EXPECT_EQ(server.figure("connections"), 1U);
}

TEST(HttpRequests, AnswersPipelinedRequestsInOrder) {
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

TEST(HttpRequests, AnswersMorePipelinedRequestsThanItReadsAhead) {
    TestServer server;
    RawClient client(server.port());
    std::string requests;
    constexpr int count = 5000;
    for (int i = 0; i < count; ++i) {
        requests += i % 2 == 0 ? "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" : get_root;
    }
    std::thread sender([&] { client.send(requests); });
    for (int i = 0; i < count; ++i) {
        ASSERT_EQ(body_of(client.response()), i % 2 == 0 ? R"({"status":"ok"})" : "GET / ") << i;
    }
    sender.join();
}

// Whoever waited for the next request was read from without a bound, also while an answer was still
// being sent and what had come could not be looked at.
TEST(HttpRequests, StopsReadingAClientThatPipelinesAndDoesNotRead) {
    TestServer server;
    RawClient client(server.port(), 4096);
    std::string requests;
    while (requests.size() < 65536) requests += "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    std::size_t sent = 0;
    int refused = 0;  // in a row
    EXPECT_TRUE(eventually([&] {
        // On from where the last one was cut: what is left of a bad request is read and dropped.
        const auto rest = std::string_view(requests).substr(sent % requests.size());
        const auto count = client.send_some(rest);
        sent += count;
        refused = count == 0 ? refused + 1 : 0;
        return refused == 1000;
    }));
    // What the sockets' buffers hold and no more.
    EXPECT_LT(sent, std::size_t{64} << 20);
    RawClient other(server.port());
    other.send(get_root);
    EXPECT_EQ(status_of(other.response()), 200);
}

TEST(HttpRequests, ReadsRequestsThatArriveByteByByte) {
    TestServer server;
    RawClient client(server.port());
    client.send_slowly("\r\n" + post("hello") + "\r\n" + get_root);
    EXPECT_EQ(body_of(client.response()), "POST /p hello");
    EXPECT_EQ(body_of(client.response()), "GET / ");
}

TEST(HttpRequests, ReadsChunkedBodies) {
    TestServer server;
    RawClient client(server.port());
    const std::string chunked =
        "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;name=\"value\"\r\nhello\r\n00001\r\n!\r\nA\r\n0123456789\r\n0\r\nX-Trailer: a\r\n\r\n";
    client.send(chunked + chunked);
    client.send_slowly(chunked);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(body_of(client.response()), "POST /c hello!0123456789");
}

TEST(HttpRequests, SendsChunksWhenTheApplicationStreams) {
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

TEST(HttpRequests, EndsHttp10ResponsesByClosing) {
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

TEST(HttpRequests, SendsNoBodyToHead) {
    TestServer server;
    RawClient client(server.port());
    client.send("HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n" + get_root);
    EXPECT_EQ(body_of(client.response(true)), "");
    EXPECT_EQ(body_of(client.response()), "GET / ");
}

TEST(HttpRequests, ClosesWhenTheClientWantsIt) {
    TestServer server;
    RawClient client(server.port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get_root);
    const auto got = client.rest();
    EXPECT_NE(got.find("Connection: close"), std::string::npos);
    EXPECT_EQ(body_of(got), "GET / ");
}

TEST(HttpRequests, AsksForABodyThatWaitsToBeAskedFor) {
    TestServer server;
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.response(true), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    EXPECT_EQ(body_of(client.response()), "POST /p hello");
    client.send(post("sent at once", "Expect: 100-continue\r\n"));
    EXPECT_EQ(body_of(client.response()), "POST /p sent at once");
}

TEST(HttpRequests, DoesNotAskForABodyThatTheApplicationDoesNotWant) {
    TestServer server([](const auto& exchange) { respond(*exchange, "no", 401); });
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    const auto got = client.rest();
    EXPECT_EQ(status_of(got), 401);
    EXPECT_NE(got.find("Connection: close"), std::string::npos);
}

}  // namespace
}  // namespace jac::cloud
