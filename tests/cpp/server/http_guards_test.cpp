#include "server/http_guards.hpp"

#include <gtest/gtest.h>

#include <string>

namespace jac::cloud {
namespace {

// The status of the refusal of a head made of these lines; 0 when it is let through.
unsigned status_of(std::string_view head) {
    const auto refusal = check_head(head);
    return refusal ? refusal->status : 0;
}

std::string get(const std::string& fields) {
    return "GET / HTTP/1.1\r\n" + fields + "\r\n";
}
std::string hosted(const std::string& fields) {
    return get("Host: a\r\n" + fields);
}

TEST(HeadGuard, LetsOrdinaryRequestsThrough) {
    EXPECT_EQ(status_of(hosted("")), 0U);
    EXPECT_EQ(status_of(hosted("Accept:*/*\r\nX-Empty:\r\nX-Tab:\ta\tb \r\n")), 0U);
    EXPECT_EQ(status_of(hosted("X-Latin: caf\xE9\r\n")), 0U);
    EXPECT_EQ(status_of("GET / HTTP/1.0\r\n\r\n"), 0U);
    EXPECT_EQ(status_of("POST /a?b=c%20d HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\n"), 0U);
    EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: Chunked\r\n\r\n"),
              0U);
    EXPECT_EQ(status_of("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), 0U);
    EXPECT_EQ(status_of("GET http://a:80/x HTTP/1.1\r\nHost: A:80\r\n\r\n"), 0U);
    EXPECT_EQ(status_of(hosted("Expect: 100-Continue\r\n")), 0U);
}

TEST(HeadGuard, RefusesAMissingDoubledOrMalformedHost) {
    for (const auto* fields : {"", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", "Host:\r\n",
                               "Host: a b\r\n", "Host: a,b\r\n", "Host: a/b\r\n", "Host: u@a\r\n",
                               "Host: a:x\r\n", "Host: a:99999\r\n", "Host: [::1\r\n"}) {
        EXPECT_EQ(status_of(get(fields)), 400U) << fields;
    }
    EXPECT_EQ(status_of("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n"), 400U);
    EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400U);
}

TEST(HeadGuard, RefusesFoldedAndMalformedFields) {
    using namespace std::string_literals;
    for (const auto& field :
         {"X: a\r\n b\r\n"s, "X: a\r\n\tb\r\n"s, " X: a\r\n"s, "X : a\r\n"s, "X\t: a\r\n"s,
          ": a\r\n"s, "X\r\n"s, "X: a\rb\r\n"s, "X: a\nb\r\n"s, "X: a\nY: b\r\n"s, "X: a\0b\r\n"s,
          "X: a\x01\r\n"s, "X: a\x7F\r\n"s, "X\0: a\r\n"s, "X(: a\r\n"s, "X\xE9: a\r\n"s,
          "\rX: a\r\n"s, "X: a\r\r\n"s}) {
        EXPECT_EQ(status_of(hosted(field)), 400U) << field;
    }
}

TEST(HeadGuard, RefusesARequestLineWithTwoReadings) {
    using namespace std::string_literals;
    for (const auto& line : {"GET"s,
                             "GET /"s,
                             "GET  / HTTP/1.1"s,
                             "GET /  HTTP/1.1"s,
                             "GET / a HTTP/1.1"s,
                             " GET / HTTP/1.1"s,
                             "GET\t/\tHTTP/1.1"s,
                             "GET / HTTP/1.1 "s,
                             "GET / HTTP/1"s,
                             "GET / http/1.1"s,
                             "GET / HTTP/1.10"s,
                             "GET / HTTP/11"s,
                             "G(T / HTTP/1.1"s,
                             "GET /a#b HTTP/1.1"s,
                             "GET /\x01 HTTP/1.1"s,
                             "GET /\0 HTTP/1.1"s,
                             "GET /a%00.html HTTP/1.1"s,
                             "GET /\xE9 HTTP/1.1"s,
                             "GET a HTTP/1.1"s,
                             "GET * HTTP/1.1"s,
                             "CONNECT a:80 HTTP/1.1"s,
                             "GET ftp://a/ HTTP/1.1"s,
                             "GET /\nHost:x HTTP/1.1"s,
                             ""s}) {
        EXPECT_EQ(status_of(line + "\r\nHost: a\r\n\r\n"), 400U) << line;
    }
    EXPECT_EQ(status_of("PRI * HTTP/2.0\r\n\r\n"), 505U);
    EXPECT_EQ(status_of("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505U);
}

TEST(HeadGuard, RefusesBodiesWhoseEndIsInDoubt) {
    for (const auto* fields : {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                               "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
                               "Content-Length: 5\r\nContent-Length: 5\r\n",
                               "Content-Length: 5\r\nContent-Length: 6\r\n",
                               "Content-Length: 5, 5\r\n",
                               "Content-Length: +5\r\n",
                               "Content-Length: -5\r\n",
                               "Content-Length: 0x5\r\n",
                               "Content-Length: 5 5\r\n",
                               "Content-Length:\r\n",
                               "Content-Length: 99999999999999999999\r\n",
                               "Transfer-Encoding: chunked, identity\r\n",
                               "Transfer-Encoding: identity, chunked\r\n",
                               "Transfer-Encoding: identity\r\n",
                               "Transfer-Encoding: gzip, chunked\r\n",
                               "Transfer-Encoding: xchunked\r\n",
                               "Transfer-Encoding: \"chunked\"\r\n",
                               "Transfer-Encoding:\r\n",
                               "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                               "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                               "Transfer-Encoding: chunked;a=b\r\n"}) {
        EXPECT_EQ(status_of(hosted(fields)), 400U) << fields;
    }
    EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400U);
}

TEST(HeadGuard, RefusesUnknownExpectationsAndTooManyFields) {
    EXPECT_EQ(status_of(hosted("Expect: the-spanish-inquisition\r\n")), 417U);
    std::string fields;
    for (std::size_t i = 1; i < max_request_fields; ++i) fields += "X: a\r\n";
    EXPECT_EQ(status_of(hosted(fields)), 0U);
    EXPECT_EQ(status_of(hosted(fields + "X: a\r\n")), 431U);
}

TEST(HeadGuard, RefusesAHeadAsSoonAsItIsTooLong) {
    constexpr std::size_t limit = 16384;
    EXPECT_FALSE(check_head_size("GET /" + std::string(8000, 'a'), limit));
    EXPECT_EQ(check_head_size("GET /" + std::string(8186, 'a'), limit)->status, 414U);
    EXPECT_FALSE(check_head_size("GET / HTTP/1.1\r\nX: " + std::string(16000, 'a'), limit));
    EXPECT_EQ(check_head_size("GET / HTTP/1.1\r\nX: " + std::string(limit, 'a'), limit)->status,
              431U);
}

TEST(HeadGuard, FindsTheEndOfAHeadHoweverItArrives) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (std::size_t split = 0; split < head.size(); ++split) {
        EXPECT_EQ(head_length(head.substr(0, split), 0), 0U);
        EXPECT_EQ(head_length(head + "body", split), head.size());
    }
    EXPECT_EQ(leading_empty_lines("\r\n\r\nGET"), 4U);
    EXPECT_EQ(leading_empty_lines("\nGET"), 0U);
}

TEST(HeadGuard, KnowsATlsHandshake) {
    EXPECT_TRUE(looks_like_tls("\x16\x03\x01\x02"));
    EXPECT_FALSE(looks_like_tls("GET /"));
    EXPECT_FALSE(looks_like_tls(""));
}

}  // namespace
}  // namespace jac::cloud
