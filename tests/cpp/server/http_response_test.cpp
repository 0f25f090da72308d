#include "server/http_response.hpp"

#include <gtest/gtest.h>

#include <regex>
#include <stdexcept>

namespace jac::cloud {
namespace {

// What a response looks like, its date put aside.
std::string undated(const std::string& text) {
    return std::regex_replace(
        text, std::regex("Date: \\w{3}, \\d\\d \\w{3} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT\r\n"), "");
}

struct Piece {
    std::string data;
    bool more;
};

std::string response(ResponseRules rules, unsigned status, const HttpFields& fields,
                     const std::vector<Piece>& pieces) {
    ResponseEncoder encoder(rules);
    encoder.start(status, fields);
    std::string out;
    for (const auto& [data, more] : pieces) encoder.write(data, more, out);
    return undated(out);
}

TEST(Response, ThatComesAtOnceGetsItsLength) {
    EXPECT_EQ(response({}, 200, {{"x-a", "b"}}, {{"hello", false}}),
              "HTTP/1.1 200 OK\r\nx-a: b\r\nContent-Length: 5\r\n\r\nhello");
    EXPECT_EQ(response({}, 404, {}, {{"", false}}),
              "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

TEST(Response, KeepsTheLengthOfTheApplication) {
    EXPECT_EQ(response({}, 200, {{"content-length", "5"}}, {{"he", true}, {"llo", false}}),
              "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
}

TEST(Response, ThatStreamsIsChunked) {
    EXPECT_EQ(response({}, 200, {{"transfer-encoding", "chunked"}},
                       {{"hello world, hello", true}, {"", true}, {"!", true}, {"", false}}),
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
              "12\r\nhello world, hello\r\n1\r\n!\r\n0\r\n\r\n");
}

TEST(Response, ToHttp10EndsWithTheConnection) {
    EXPECT_EQ(response({.http10 = true}, 200, {}, {{"a", true}, {"b", false}}),
              "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab");
    EXPECT_EQ(response({.http10 = true}, 200, {}, {{"a", false}}),
              "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na");
}

TEST(Response, HasNoBodyWhereNoneMayBe) {
    EXPECT_EQ(response({.head = true}, 200, {{"content-length", "5"}}, {{"hello", false}}),
              "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    EXPECT_EQ(response({.head = true}, 200, {}, {{"a", true}, {"b", false}}),
              "HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(response({}, 204, {{"content-length", "0"}}, {{"", false}}),
              "HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(response({}, 304, {{"content-length", "5"}}, {{"", false}}),
              "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n");
}

TEST(Response, ClosesWhenEitherSideAsksForIt) {
    EXPECT_EQ(response({.keep_alive = false}, 200, {}, {{"", false}}),
              "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(response({}, 200, {{"Connection", "x, Close"}}, {{"", false}}),
              "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

TEST(Response, WithoutANamedReasonIsSentAllTheSame) {
    EXPECT_EQ(response({}, 299, {}, {{"", false}}), "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
}

TEST(Response, KeepsTheDateOfTheApplication) {
    EXPECT_EQ(response({}, 200, {{"date", "today"}}, {{"", false}}),
              "HTTP/1.1 200 OK\r\ndate: today\r\nContent-Length: 0\r\n\r\n");
}

TEST(Response, RefusesWhatWouldBreakTheHeader) {
    const std::vector<std::pair<std::string, std::string>> fields{{"x", "a\r\nset-cookie: b"},
                                                                  {"x", "a\nb"},
                                                                  {"x", std::string("a\0b", 3)},
                                                                  {"x y", "a"},
                                                                  {"", "a"},
                                                                  {"x:", "a"},
                                                                  {"content-length", "-1"},
                                                                  {"content-length", ""},
                                                                  {"content-length", "1 "}};
    for (const auto& field : fields) {
        ResponseEncoder encoder({});
        EXPECT_THROW(encoder.start(200, {field}), std::invalid_argument);
        EXPECT_FALSE(encoder.started());
    }
    for (const unsigned status : {0U, 100U, 101U, 199U, 1000U}) {
        EXPECT_THROW(ResponseEncoder({}).start(status, {}), std::invalid_argument);
    }
    EXPECT_THROW(response({}, 200, {{"content-length", "1"}, {"content-length", "2"}}, {}),
                 std::invalid_argument);
}

TEST(Response, RefusesABodyOfAnotherLengthThanAnnounced) {
    EXPECT_THROW(response({}, 200, {{"content-length", "3"}}, {{"four", true}}),
                 std::invalid_argument);
    EXPECT_THROW(response({}, 200, {{"content-length", "3"}}, {{"no", false}}),
                 std::invalid_argument);
}

TEST(Response, IsStartedOnceAndFinishedOnce) {
    ResponseEncoder encoder({});
    std::string out;
    EXPECT_THROW(encoder.write("a", true, out), std::logic_error);
    encoder.start(200, {});
    EXPECT_THROW(encoder.start(200, {}), std::logic_error);
    encoder.write("a", false, out);
    EXPECT_TRUE(encoder.finished());
    EXPECT_THROW(encoder.write("b", false, out), std::logic_error);
}

TEST(Response, OfARefusalIsJsonAndCloses) {
    EXPECT_EQ(
        undated(refusal_response(
            {426, "upgrade_required", "Say \"please\"!", {{"Upgrade", "websocket"}}}, "a1")),
        "HTTP/1.1 426 Upgrade Required\r\nX-Request-ID: a1\r\nUpgrade: websocket\r\n"
        "Content-Type: application/json\r\nContent-Length: 53\r\nConnection: Upgrade, close\r\n\r\n"
        "{\"error\":\"Say \\\"please\\\"!\",\"code\":\"upgrade_required\"}");
    const auto head = refusal_response({404, "not_found", "No!"}, "a1", false);
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace jac::cloud
