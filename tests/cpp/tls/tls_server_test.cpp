// A server with a certificate, and clients of OpenSSL's own.
#include <gtest/gtest.h>

#include <future>

#include "base/error.hpp"
#include "frames.hpp"
#include "server/http_support.hpp"
#include "tls/certificates.hpp"
#include "tls/tls_client.hpp"

namespace jac::cloud::test {
namespace {

class TlsServer : public testing::Test {
  protected:
    void start(Config config = test_config(), Application::Handler handler = echo()) {
        write(make_certificate({.name = "first"}));
        config.tls_cert = folder.path("cert.pem");
        config.tls_key = folder.path("key.pem");
        server = std::make_unique<TestServer>(std::move(handler), std::move(config));
    }
    void write(const Pair& pair) const {
        folder.put("cert.pem", pair.cert_pem());
        folder.put("key.pem", pair.key_pem());
    }
    std::uint16_t port() const { return server->port(); }
    // The log's events, of a server that is stopped by that.
    std::vector<std::string> logged() {
        server->server().stop(std::chrono::seconds(1));
        std::vector<std::string> events;
        while (const auto records = server->server().services().log.take()) {
            for (const auto& record : *records) {
                if (record.level != LogLevel::debug) events.push_back(record.event);
            }
        }
        return events;
    }

    Folder folder;
    std::unique_ptr<TestServer> server;
};

const std::string get_health = "GET /healthz HTTP/1.1\r\nHost: a\r\n";
const std::string last = "Connection: close\r\n\r\n";

std::string upgrade_request(const std::string& target = "/websocket") {
    return "GET " + target +
           " HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

// A frame of the server's, whose payload is shorter than 64 KiB.
std::string frame_of(TlsClient& client) {
    const auto head = client.take(2);
    std::size_t size = static_cast<unsigned char>(head[1]);
    if (size == 126) {
        const auto length = client.take(2);
        size = static_cast<unsigned char>(length[0]) * 256U + static_cast<unsigned char>(length[1]);
    }
    return client.take(size);
}

// Of a close frame; 0 for any other.
int code_of(const ServerFrame& frame) {
    if (frame.opcode != Opcode::close || frame.payload.size() < 2) return 0;
    return static_cast<unsigned char>(frame.payload[0]) * 256 +
           static_cast<unsigned char>(frame.payload[1]);
}

void open_websocket(TlsClient& client, const std::string& target = "/websocket") {
    client.send(upgrade_request(target));
    ASSERT_EQ(status_of(client.take_until("\r\n\r\n")), 101);
    ASSERT_NE(frame_of(client).find("\"connection\""), std::string::npos);
}

TEST_F(TlsServer, AnswersRequestsAndEndsInOrder) {
    start();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient client(port(), {.version = version});
        client.send(get_health + "\r\n" + get_health + last);
        const auto answers = client.rest();  // throws where close_notify is missing
        EXPECT_EQ(status_of(answers), 200);
        EXPECT_NE(answers.find("HTTP/1.1 200 OK", 10), std::string::npos);
    }
    EXPECT_EQ(server->figure("tls_handshakes"), 2);
}

TEST_F(TlsServer, OpensAWebsocketWithWhatCameBehindItsRequest) {
    start();
    TlsClient client(port());
    client.send(upgrade_request() + text_frame(R"({"type":"connection","id":7})"));
    EXPECT_EQ(status_of(client.take_until("\r\n\r\n")), 101);
    frame_of(client);
    EXPECT_NE(frame_of(client).find("\"id\":7"), std::string::npos);
    client.send(close_frame(1000));
    EXPECT_EQ(code_of(read_server_frames(client.rest()).back()), 1000);
}

TEST_F(TlsServer, TellsTheApplicationThatTheRequestWasSecure) {
    start(test_config(), [](const std::shared_ptr<HttpExchange>& exchange) {
        if (!exchange->read().more) {
            respond(*exchange, exchange->request().endpoints->secure ? "secure" : "plain");
        }
    });
    TlsClient client(port());
    client.send("GET / HTTP/1.1\r\nHost: a\r\n" + last);
    EXPECT_EQ(body_of(client.rest()), "secure");
}

TEST_F(TlsServer, CarriesLargeBodiesWholeToAClientThatTakesLittle) {
    std::string body;
    for (int i = 0; body.size() < (3U << 20); ++i) body += std::to_string(i) + ' ';
    start();
    TlsClient client(port(), {.receive_buffer = 8192});
    client.send(post(body, "Connection: close\r\n"));
    const auto answer = client.rest();
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(body_of(answer), "POST /p " + body);
}

TEST_F(TlsServer, ClosesASlowConsumerWith4503AndServesTheOthers) {
    auto config = test_config();
    config.outbox_bytes = 64 << 10;
    config.message_rate = 0;
    start(std::move(config));
    TlsClient slow(port(), {.receive_buffer = 65536});
    open_websocket(slow, "/websocket?channel_id=slow");
    TlsClient other(port());
    open_websocket(other, "/websocket?channel_id=slow");
    TlsClient publisher(port());
    open_websocket(publisher);
    const auto event = text_frame(R"({"type":"channel","channel_ids":["slow"],"data":{"fill":")" +
                                  std::string(20000, 'x') + R"("},"id":1})");
    while (server->figure("slow_consumers") == 0) {
        publisher.send(event);
        EXPECT_NE(frame_of(publisher).find("ack"), std::string::npos);
        EXPECT_NE(frame_of(other).find("xxxx"), std::string::npos);
    }
    // What was queued before comes whole, then the goodbye.
    const auto frames = read_server_frames(slow.rest());
    ASSERT_GT(frames.size(), 2U);
    EXPECT_EQ(code_of(frames.back()), 4503);
    for (auto frame = frames.begin() + 1; frame != frames.end() - 1; ++frame) {
        EXPECT_EQ(frame->payload, frames.front().payload);
    }
}

TEST_F(TlsServer, ResumesSessionsByTickets) {
    start();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        TlsClient first(port(), {.version = version});
        first.send(get_health + last);
        first.rest();  // with 1.3 tickets come behind the handshake
        const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
            SSL_get1_session(first.ssl()), SSL_SESSION_free);
        TlsClient again(port(), {.version = version, .session = session.get()});
        EXPECT_EQ(SSL_session_reused(again.ssl()), 1);
        again.send(get_health + last);
        EXPECT_EQ(status_of(again.rest()), 200);
    }
    EXPECT_EQ(server->figure("tls_resumed"), 2);
    EXPECT_EQ(server->figure("tls_handshakes"), 2);
}

TEST_F(TlsServer, SpeaksHttp11AndNothingOlderThanTls12) {
    start();
    TlsClient both(port(), {.protocols = "\x02h2\x08http/1.1"});
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(both.ssl(), &chosen, &size);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what OpenSSL gives
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
    EXPECT_THROW(TlsClient(port(), {.protocols = "\x02h2"}), std::runtime_error);
    EXPECT_THROW(TlsClient(port(), {.version = TLS1_1_VERSION}), std::runtime_error);
    EXPECT_TRUE(eventually([&] { return server->figure("tls_failures") == 2; }));
}

TEST_F(TlsServer, DoesNotRenegotiateAndDoesNotCompress) {
    start();
    TlsClient client(port(), {.version = TLS1_2_VERSION});
    EXPECT_EQ(SSL_get_current_compression(client.ssl()), nullptr);
    EXPECT_EQ(SSL_renegotiate(client.ssl()), 1);
    EXPECT_THROW(client.send(get_health + last), std::runtime_error);
}

TEST_F(TlsServer, TellsWhoSpeaksPlainHttpAndClosesWithOneLine) {
    start();
    {
        RawClient plain(port());
        plain.send(get_root);
        const auto answer = plain.rest();
        EXPECT_EQ(status_of(answer), 400);
        EXPECT_NE(answer.find("https"), std::string::npos);
    }
    EXPECT_EQ(server->figure("tls_failures"), 0);
    EXPECT_EQ(logged(), std::vector<std::string>{"request_refused"});
}

TEST_F(TlsServer, ClosesOnATlsHelloThatIsNone) {
    start();
    {
        RawClient odd(port());
        odd.send(std::string("\x16\x03\x01\x00\x05hello", 10));
        EXPECT_LT(odd.rest().size(), 8);  // an alert, perhaps
    }
    EXPECT_EQ(server->figure("tls_failures"), 1);
    EXPECT_EQ(logged(), std::vector<std::string>{"tls_handshake_failed"});
}

TEST_F(TlsServer, ClosesASlowHandshakeAndASilentConnectionInTime) {
    auto config = test_config();
    config.handshake_timeout = 0.3;
    EarlyPort early;
    RawClient silent(early.port());
    RawClient slow(early.port());
    // Of a hello that announces 512 bytes; they keep coming, but the time is for all of it.
    slow.send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 11));
    start(early.handed_to(std::move(config)));
    {
        const auto sender = sends_until_the_end(slow);
        EXPECT_EQ(silent.rest(), "");
        EXPECT_EQ(slow.rest(), "");
    }
    EXPECT_EQ(server->figure("tls_failures"), 1);  // who was silent had begun none
    EXPECT_TRUE(eventually([&] { return server->figure("connections") == 0; }));
}

TEST_F(TlsServer, CountsTheHandshakeIntoTheTimeOfTheFirstHead) {
    auto config = test_config();
    config.handshake_timeout = 0.5;
    start(std::move(config));
    // The handshake of a client that has to wait for a core takes all of the time: then another.
    EXPECT_TRUE(eventually([&] {
        try {
            TlsClient client(port());
            client.send("GET / HT");
            return status_of(client.rest()) == 408;
        } catch (const std::runtime_error&) {
            return false;
        }
    }));
}

TEST_F(TlsServer, GivesRenewedFilesToNewConnectionsAndLeavesTheOthers) {
    start();
    TlsClient before(port());
    open_websocket(before);
    EXPECT_EQ(before.certificate_name(), "first");
    write(make_certificate({.name = "second"}));
    server->server().reload_tls();
    EXPECT_EQ(TlsClient(port()).certificate_name(), "second");
    folder.put("key.pem", "gone");
    EXPECT_THROW(server->server().reload_tls(), ConfigError);
    EXPECT_EQ(TlsClient(port()).certificate_name(), "second");
    before.send(text_frame(R"({"type":"connection","id":1})"));
    EXPECT_NE(frame_of(before).find("\"id\":1"), std::string::npos);
}

TEST_F(TlsServer, ForgetsClientsThatBreakOffAnywhere) {
    start();
    RawClient(port()).reset();
    RawClient(port()).send("\x16\x03\x01");
    TlsClient(port()).drop();
    {
        TlsClient open(port());
        open_websocket(open);
    }
    EXPECT_TRUE(eventually(
        [&] { return server->figure("connections") == 0 && server->figure("sessions") == 0; }));
}

TEST_F(TlsServer, SaysGoodbyeWhenItStops) {
    start();
    TlsClient websocket(port());
    open_websocket(websocket);
    TlsClient idle(port());
    auto stopping =
        std::async(std::launch::async, [&] { server->server().stop(std::chrono::seconds(5)); });
    EXPECT_EQ(frame_of(websocket).substr(0, 2), "\x03\xE9");  // 1001
    websocket.send(close_frame(1001));
    EXPECT_EQ(websocket.rest(), "");
    stopping.get();
}

TEST_F(TlsServer, RefusesOverTlsWhenThereAreTooMany) {
    auto config = test_config();
    config.max_connections = 1;
    start(std::move(config));
    TlsClient first(port());
    open_websocket(first);
    TlsClient second(port());
    EXPECT_EQ(status_of(second.rest()), 503);
}

TEST_F(TlsServer, TakesHandshakesFromManyAtOnceWhileItServes) {
    auto config = test_config();
    config.io_threads = 1;
    start(std::move(config));
    TlsClient served(port());
    open_websocket(served);
    std::vector<std::thread> clients;
    for (int i = 0; i < 4; ++i) {
        clients.emplace_back([this] {
            for (int j = 0; j < 10; ++j) {
                TlsClient client(port());
                client.send(get_health + last);
                EXPECT_EQ(status_of(client.rest()), 200);
            }
        });
    }
    for (int i = 0; i < 40; ++i) {
        served.send(text_frame(R"({"type":"connection"})"));
        EXPECT_NE(frame_of(served).find("connection"), std::string::npos);
    }
    for (auto& client : clients) client.join();
    EXPECT_EQ(server->figure("tls_handshakes"), 41);
}

TEST(CostlySteps, LetWhoeverIsReadyGoInBetween) {
    boost::asio::io_context io;
    std::string order;
    CostlySteps steps(io, [&] { order += '|'; });
    for (int i = 0; i < 3; ++i) steps.add([&] { order += 's'; });
    // One who comes round again and again, as a busy connection does.
    int left = 3;
    std::function<void()> busy = [&] {
        order += 'o';
        if (--left > 0) boost::asio::post(io, busy);
    };
    boost::asio::post(io, busy);
    io.run();
    EXPECT_EQ(order, "|so|so|so");
}

}  // namespace
}  // namespace jac::cloud::test
