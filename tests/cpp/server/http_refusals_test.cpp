// What is refused: too much of something, and what can be read in two ways.
#include <gtest/gtest.h>

#include <map>
#include <string_view>
#include <vector>

#include "http_support.hpp"

namespace jac::cloud {
namespace {

TEST(HttpRefusals, RefusesTooLongABodyBeforeItIsRead) {
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

TEST(HttpRefusals, TellsARefusedClientThatKeepsSending) {
    auto config = test_config();
    config.max_body_bytes = 1000;
    TestServer server(echo(), config);
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 8000000\r\n\r\n");
    client.send(std::string(8'000'000, 'x'));
    client.end_sending();
    EXPECT_EQ(status_of(client.rest()), 413);
}

TEST(HttpRefusals, RefusesTooLongAHead) {
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

TEST(HttpRefusals, RefusesWhatCanBeReadInTwoWaysAndReadsNoFurther) {
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

TEST(HttpRefusals, RefusesAChunkWhoseSizeOverflows) {
    for (const std::string size : {"10000000000000000", "FFFFFFFFFFFFFFFF", "80000000000000001"}) {
        TestServer server;
        RawClient client(server.port());
        client.send("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + size +
                    "\r\na\r\n0\r\n\r\n");
        const auto status = status_of(client.rest());
        EXPECT_TRUE(status == 400 || status == 413) << size << " " << status;
    }
}

TEST(HttpRefusals, RefusesAChunkLineWithoutEnd) {
    TestServer server;
    RawClient client(server.port());
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                std::string(100'000, 'x'));
    client.end_sending();
    EXPECT_EQ(status_of(client.rest()), 400);
}

// Found by the fuzzer: the parser looked for the end of the quote in what came behind the line, and
// counted the chunk against the body's limit each time.
TEST(HttpRefusals, RefusesAQuoteThatTheLineOfItsChunkDoesNotEnd) {
    const std::string line =
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n8;x=\"open\r\n";
    for (const std::string behind : {"", "abcdefgh\r\n0\r\n\r\n", "x\"\r\nabcdefgh\r\n0\r\n\r\n"}) {
        TestServer server;
        RawClient client(server.port());
        client.send(line + behind);
        EXPECT_EQ(status_of(client.rest()), 400);
    }
    TestServer server;
    RawClient slow(server.port());
    slow.send_slowly(line);
    EXPECT_EQ(status_of(slow.rest()), 400);
}

// The fields of the lines of refusals, of a server that is stopped by that.
std::vector<std::map<std::string, std::string>> refusals_of(TestServer& server) {
    server.server().stop(std::chrono::seconds(1));
    std::vector<std::map<std::string, std::string>> found;
    while (const auto records = server.server().services().log.take()) {
        for (const auto& record : *records) {
            if (record.event != "request_refused") continue;
            found.emplace_back(record.fields.begin(), record.fields.end());
        }
    }
    return found;
}

std::string id_of(const std::string& answer) {
    constexpr std::string_view name = "\r\nX-Request-ID: ";
    const auto begin = answer.find(name);
    if (begin == std::string::npos) return {};
    const auto from = begin + name.size();
    return answer.substr(from, answer.find("\r\n", from) - from);
}

TEST(HttpRefusals, HaveAnIdWhichTheirLineHasTooAndNoQuery) {
    TestServer server;
    const std::string too_long = "Content-Length: 99999999999\r\n\r\n";
    const auto refused = [&server](const std::string& bytes) {
        RawClient client(server.port());
        client.send(bytes);
        return id_of(client.rest());
    };
    const auto unread = refused("nonsense\r\n\r\n");
    const auto own = refused("POST /p?token=a HTTP/1.1\r\nHost: a\r\n" + too_long);
    EXPECT_EQ(unread.size(), 32U);
    EXPECT_EQ(own.size(), 32U);
    EXPECT_NE(own, unread);
    const std::string named = "GET /websocket HTTP/1.1\r\nHost: a\r\nX-Request-ID: ";
    EXPECT_EQ(refused(named + "a.b_c-1\r\n\r\n"), "a.b_c-1");
    const auto twice = refused(named + "a\r\nX-Request-ID: b\r\n\r\n");
    for (const auto& ill : {std::string("-a"), std::string("a b"), std::string(65, 'a')}) {
        EXPECT_EQ(refused(named + ill + "\r\n\r\n").size(), 32U) << ill;
    }

    const auto lines = refusals_of(server);
    ASSERT_EQ(lines.size(), 7U);
    EXPECT_EQ(lines[0].at("request_id"), unread);
    EXPECT_EQ(lines[0].at("code"), "bad_request");
    EXPECT_EQ(lines[0].at("client"), "127.0.0.1");
    EXPECT_EQ(lines[0].count("path"), 0U);
    EXPECT_EQ(lines[1].at("request_id"), own);
    EXPECT_EQ(lines[1].at("method"), "POST");
    EXPECT_EQ(lines[1].at("path"), "/p");
    EXPECT_EQ(lines[1].at("status"), "413");
    EXPECT_EQ(lines[2].at("request_id"), "a.b_c-1");
    EXPECT_EQ(lines[2].at("status"), "426");
    EXPECT_EQ(lines[3].at("request_id"), twice);
    EXPECT_EQ(twice.size(), 32U);
}

TEST(HttpRefusals, ClosesOnTlsWithoutAnAnswer) {
    TestServer server;
    RawClient client(server.port());
    client.send("\x16\x03\x01\x02\x01\x01");
    EXPECT_EQ(client.rest(), "");
}

}  // namespace
}  // namespace jac::cloud
