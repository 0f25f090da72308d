#include "protocol/handshake.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/sha1.hpp"

namespace jac::cloud {
namespace {

using Fields = std::vector<HeaderField>;

Fields browser_fields() {
    return {{"Host", "chat.example:8000"},
            {"Upgrade", "websocket"},
            {"Connection", "keep-alive, Upgrade"},
            {"Sec-WebSocket-Version", "13"},
            {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
}

Fields without(Fields fields, std::string_view name) {
    std::erase_if(fields, [name](const HeaderField& field) { return field.name == name; });
    return fields;
}

Fields with(Fields fields, std::string_view name, std::string_view value) {
    fields.push_back({name, value});
    return fields;
}

Fields changed(std::string_view name, std::string_view value) {
    return with(without(browser_fields(), name), name, value);
}

std::variant<AcceptedUpgrade, Refusal> judge(const Fields& fields,
                                             std::string_view target = "/websocket",
                                             const std::vector<std::string>& allowed = {}) {
    return check_handshake({"GET", target, 11, fields}, allowed);
}

// 101 or the status of the refusal.
unsigned status(const std::variant<AcceptedUpgrade, Refusal>& verdict) {
    const auto* refusal = std::get_if<Refusal>(&verdict);
    return refusal == nullptr ? 101 : refusal->status;
}

std::string refusal_field(const std::variant<AcceptedUpgrade, Refusal>& verdict,
                          std::string_view name) {
    for (const auto& [key, value] : std::get<Refusal>(verdict).fields) {
        if (key == name) return std::string(value);
    }
    return "";
}

TEST(Sha1, GivesTheDigestsOfTheStandard) {
    const auto hex = [](std::string_view text) {
        std::string digits;
        for (const auto byte : sha1(text)) {
            constexpr std::string_view alphabet = "0123456789abcdef";
            digits += alphabet[byte >> 4];
            digits += alphabet[byte & 15];
        }
        return digits;
    };
    EXPECT_EQ(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    EXPECT_EQ(hex(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(Handshake, AnswersTheKeyOfTheStandardsExample) {
    const auto verdict = judge(browser_fields());
    ASSERT_EQ(status(verdict), 101U);
    const auto& upgrade = std::get<AcceptedUpgrade>(verdict);
    EXPECT_EQ(upgrade.accept_key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    EXPECT_FALSE(upgrade.channel_id);
    EXPECT_FALSE(upgrade.token);
    EXPECT_EQ(handshake_response(upgrade),
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

TEST(Handshake, ReadsFieldNamesAndTokensInAnyCase) {
    EXPECT_EQ(status(judge({{"host", "a"},
                            {"UPGRADE", "WebSocket"},
                            {"connection", "UPGRADE"},
                            {"sec-websocket-version", "13"},
                            {"SEC-WEBSOCKET-KEY", "dGhlIHNhbXBsZSBub25jZQ=="}})),
              101U);
}

TEST(Handshake, SaysUpgradeRequiredToWhatIsNoUpgrade) {
    for (const auto& fields :
         {without(browser_fields(), "Upgrade"), without(browser_fields(), "Connection"),
          changed("Upgrade", "h2c"), changed("Connection", "keep-alive"),
          changed("Upgrade", "websockets"), changed("Connection", "upgraded")}) {
        const auto verdict = judge(fields);
        EXPECT_EQ(status(verdict), 426U);
        EXPECT_EQ(refusal_field(verdict, "Upgrade"), "websocket");
    }
}

TEST(Handshake, RefusesOtherMethodsAndHttp10) {
    const auto fields = browser_fields();
    const auto post = check_handshake({"POST", "/websocket", 11, fields}, {});
    EXPECT_EQ(status(post), 405U);
    EXPECT_EQ(refusal_field(post, "Allow"), "GET");
    EXPECT_EQ(status(check_handshake({"get", "/websocket", 11, fields}, {})), 405U);
    EXPECT_EQ(status(check_handshake({"GET", "/websocket", 10, fields}, {})), 426U);
}

TEST(Handshake, NamesTheVersionThatItSpeaks) {
    for (const auto& fields :
         {changed("Sec-WebSocket-Version", "12"), changed("Sec-WebSocket-Version", "8"),
          changed("Sec-WebSocket-Version", "013"), changed("Sec-WebSocket-Version", "13, 8"),
          without(browser_fields(), "Sec-WebSocket-Version"),
          with(browser_fields(), "Sec-WebSocket-Version", "13")}) {
        const auto verdict = judge(fields);
        EXPECT_EQ(status(verdict), 426U);
        EXPECT_EQ(refusal_field(verdict, "Sec-WebSocket-Version"), "13");
    }
}

TEST(Handshake, RefusesAKeyThatIsNotSixteenBytes) {
    for (const auto* key :
         {"", "short", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ",
          "dGhlIHNhbXBsZSBub25jZTE=", "dGhlIHNhbXBsZSBub25jZTEy", "dGhlIHNhbXBsZSBub25j=Q==",
          "dGhlIHNhbXBsZSBub25\xC3\xA9==", "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ=="}) {
        EXPECT_EQ(status(judge(changed("Sec-WebSocket-Key", key))), 400U) << key;
    }
    EXPECT_EQ(status(judge(without(browser_fields(), "Sec-WebSocket-Key"))), 400U);
    EXPECT_EQ(
        status(judge(with(browser_fields(), "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="))),
        400U);
}

TEST(Handshake, RefusesABodyBehindTheHead) {
    EXPECT_EQ(status(judge(with(browser_fields(), "Content-Length", "5"))), 400U);
    EXPECT_EQ(status(judge(with(browser_fields(), "Transfer-Encoding", "chunked"))), 400U);
    EXPECT_EQ(status(judge(with(browser_fields(), "Content-Length", "0"))), 101U);
}

TEST(Handshake, IgnoresExtensionsWhateverTheySay) {
    std::string many;
    for (int i = 0; i < 200; ++i) many += "permessage-deflate; client_max_window_bits, ";
    for (const auto& offer :
         {many, std::string("__proto__"),
          std::string("permessage-deflate; server_max_window_bits=8"),
          std::string("permessage-deflate; server_max_window_bits=99"),
          std::string("permessage-deflate; server_max_window_bits=\"\""), std::string(",;=,")}) {
        const auto verdict = judge(with(browser_fields(), "Sec-WebSocket-Extensions", offer));
        ASSERT_EQ(status(verdict), 101U);
        EXPECT_EQ(handshake_response(std::get<AcceptedUpgrade>(verdict)).find("Extensions"),
                  std::string::npos);
    }
}

TEST(HandshakeToken, IsTakenFromBearerInAnyCase) {
    for (const auto* credentials : {"Bearer abc.DEF-1_2~3+4/5==", "bearer abc.DEF-1_2~3+4/5==",
                                    "BEARER abc.DEF-1_2~3+4/5=="}) {
        const auto verdict = judge(with(browser_fields(), "Authorization", credentials));
        ASSERT_EQ(status(verdict), 101U);
        EXPECT_EQ(std::get<AcceptedUpgrade>(verdict).token, "abc.DEF-1_2~3+4/5==");
    }
}

TEST(HandshakeToken, IsRefusedRatherThanIgnoredWhenItCannotBeRead) {
    for (const auto& credentials :
         {std::string(), std::string("Bearer"), std::string("bearerX"), std::string("BearerX abc"),
          std::string("Bearer  abc"), std::string("Bearer\tabc"), std::string("Basic YTpi"),
          std::string("abc.def.ghi"), std::string("Bearer abc def"), std::string("Bearer abc,def"),
          std::string("Bearer caf\xC3\xA9"), std::string("Bearer \"abc\""),
          "Bearer " + std::string(65536, 'a')}) {
        const auto verdict = judge(with(browser_fields(), "Authorization", credentials));
        EXPECT_EQ(status(verdict), 401U) << credentials.substr(0, 40);
        EXPECT_EQ(refusal_field(verdict, "WWW-Authenticate"), "Bearer");
    }
    EXPECT_EQ(status(judge(with(with(browser_fields(), "Authorization", "Bearer a"),
                                "authorization", "Bearer b"))),
              400U);
}

TEST(HandshakeChannel, IsDecodedFromTheQuery) {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"/websocket?channel_id=room", "room"},
        {"/websocket?x=1&channel_id=room&y", "room"},
        {"/websocket?channel%5Fid=a%20b+c", "a b c"},
        {"/websocket?channel_id=a%2Bb%26c%3Dd", "a+b&c=d"},
        {"/websocket?channel_id=a=b", "a=b"},
        {"/websocket?channel_id=%E2%82%AC", "\xE2\x82\xAC"},
        {"/websocket?channel_id=" + std::string(255, 'x'), std::string(255, 'x')},
    };
    for (const auto& [target, channel_id] : cases) {
        const auto verdict = judge(browser_fields(), target);
        ASSERT_EQ(status(verdict), 101U) << target;
        EXPECT_EQ(std::get<AcceptedUpgrade>(verdict).channel_id, channel_id);
    }
}

TEST(HandshakeChannel, IsRefusedWhenEmptyLongMalformedDoubledOrNotUtf8) {
    for (const auto& query :
         {std::string("channel_id="), std::string("channel_id"), std::string("channel_id=%"),
          std::string("channel_id=%4"), std::string("channel_id=%zz"),
          std::string("channel_id=%C3"), std::string("channel_id=%ED%A0%80"),
          std::string("channel_id=a&channel_id=b"), "channel_id=" + std::string(256, 'x')}) {
        EXPECT_EQ(status(judge(browser_fields(), "/websocket?" + query)), 400U) << query;
    }
}

TEST(HandshakeChannel, IsNobodysConcernInOtherParameters) {
    const auto verdict = judge(browser_fields(), "/websocket?channel=%zz&&=&xchannel_id=a");
    ASSERT_EQ(status(verdict), 101U);
    EXPECT_FALSE(std::get<AcceptedUpgrade>(verdict).channel_id);
}

TEST(Origin, OfTheSameHostnameIsAllowedWhateverThePort) {
    EXPECT_TRUE(origin_allowed("http://chat.example", "chat.example:8000", {}));
    EXPECT_TRUE(origin_allowed("https://Chat.Example:8443", "chat.example", {}));
    EXPECT_TRUE(origin_allowed("http://[2001:DB8::1]:3000", "[2001:db8::1]:8000", {}));
}

TEST(Origin, OfLoopbackIsAllowedToALoopbackHost) {
    for (const auto* origin : {"http://localhost:3000", "http://127.0.0.1:5173", "http://127.8.9.1",
                               "http://[::1]:3000"}) {
        for (const auto* host : {"localhost:8000", "127.0.0.1:8000", "[::1]:8000"}) {
            EXPECT_TRUE(origin_allowed(origin, host, {})) << origin << " " << host;
        }
        EXPECT_FALSE(origin_allowed(origin, "chat.example", {})) << origin;
    }
}

TEST(Origin, OfLoopbackIsRefusedWhereAProxyCallsThisServerByALoopbackName) {
    EXPECT_FALSE(origin_allowed("http://localhost:3000", "127.0.0.1:8000", {}, true));
    EXPECT_FALSE(origin_allowed("http://127.0.0.1:3000", "127.0.0.1:8000", {}, true));
    EXPECT_TRUE(origin_allowed("https://chat.example", "chat.example", {}, true));
    const std::vector<std::string> listed{"http://localhost:3000"};
    EXPECT_TRUE(origin_allowed("http://localhost:3000", "127.0.0.1:8000", listed, true));
    auto fields = with(without(browser_fields(), "Host"), "Host", "127.0.0.1:8000");
    fields = with(fields, "Origin", "http://localhost:3000");
    EXPECT_EQ(status(judge(fields)), 101U);
    for (const auto* name : {"X-Forwarded-For", "x-real-ip", "Via", "Forwarded"}) {
        EXPECT_EQ(status(judge(with(fields, name, "127.0.0.1, 203.0.113.7"))), 403U) << name;
    }
    for (const auto* address : {"127.0.0.1", "6.6.6.6, ::1", "::ffff:127.0.0.1"}) {
        EXPECT_EQ(status(judge(with(fields, "X-Forwarded-For", address))), 101U) << address;
    }
}

TEST(Origin, OfStrangersIsRefused) {
    for (const auto* origin : {"http://evil.example",
                               "http://chat.example.evil.org",
                               "http://evilchat.example",
                               "http://chat.example@evil.org",
                               "http://chat.example:80@evil.org",
                               "http://evil.org/chat.example",
                               "http://evil.org#chat.example",
                               "http://chat.example/",
                               "http://chat.example\\.evil.org",
                               "chat.example",
                               "//chat.example",
                               "null",
                               "",
                               "file://",
                               "http://",
                               "ftp://chat.example",
                               "http://chat.example:",
                               "http://chat.example:x",
                               "http://chat.example:99999",
                               "http://chat.example http://evil.org",
                               "http://chat.example, http://evil.org",
                               "http://chat.exampl\xC3\xA9",
                               "*"}) {
        EXPECT_FALSE(origin_allowed(origin, "chat.example", {})) << origin;
    }
    for (const auto* origin :
         {"http://127.0.0.1.evil.org", "http://localhost.evil.org", "http://evil.localhost",
          "http://127.1", "http://127.0.0.1.1", "http://127.0.0.256", "http://0.0.0.0",
          "http://[::ffff:127.0.0.1]"}) {
        EXPECT_FALSE(origin_allowed(origin, "localhost:8000", {})) << origin;
    }
}

TEST(Origin, IsAllowedWhenListed) {
    const std::vector<std::string> allowed{"https://app.example", "http://dev.example:5173/"};
    EXPECT_TRUE(origin_allowed("https://app.example", "api.example", allowed));
    EXPECT_TRUE(origin_allowed("HTTPS://APP.EXAMPLE:443", "api.example", allowed));
    EXPECT_TRUE(origin_allowed("http://dev.example:5173", "api.example", allowed));
    EXPECT_FALSE(origin_allowed("http://app.example", "api.example", allowed));
    EXPECT_FALSE(origin_allowed("https://app.example:8443", "api.example", allowed));
    EXPECT_FALSE(origin_allowed("https://app.example.evil.org", "api.example", allowed));
    EXPECT_FALSE(origin_allowed("http://dev.example", "api.example", allowed));
    EXPECT_FALSE(origin_allowed("null", "api.example", allowed));
    EXPECT_TRUE(origin_allowed("null", "api.example", std::vector<std::string>{"null"}));
    EXPECT_TRUE(origin_allowed("chrome-extension://abc", "api.example",
                               std::vector<std::string>{"chrome-extension://abc"}));
    EXPECT_TRUE(origin_allowed("http://any.example", "api.example", std::vector<std::string>{"*"}));
}

TEST(Origin, DecidesTheHandshake) {
    EXPECT_EQ(status(judge(with(browser_fields(), "Origin", "http://chat.example:3000"))), 101U);
    EXPECT_EQ(status(judge(with(browser_fields(), "Origin", "http://evil.example"))), 403U);
    EXPECT_EQ(status(judge(with(browser_fields(), "Origin", "http://evil.example"), "/websocket",
                           {"http://evil.example"})),
              101U);
    EXPECT_EQ(status(judge(with(with(browser_fields(), "Origin", "http://chat.example"), "Origin",
                                "http://evil.example"))),
              403U);
    EXPECT_EQ(status(judge(with(without(browser_fields(), "Host"), "Origin", "http://x"))), 403U);
}

TEST(FieldValues, AreSearchedByWholeTokens) {
    EXPECT_TRUE(lists_token("keep-alive , Upgrade", "upgrade"));
    EXPECT_TRUE(lists_token(",,\tUPGRADE ,", "upgrade"));
    EXPECT_FALSE(lists_token("keep-alive Upgrade", "upgrade"));
    EXPECT_FALSE(lists_token("", "upgrade"));
}

}  // namespace
}  // namespace jac::cloud
