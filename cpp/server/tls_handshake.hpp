#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "protocol/handshake.hpp"
#include "server/shard.hpp"
#include "tls/tls_context.hpp"
#include "tls/tls_stream.hpp"

namespace jac::cloud {

// An accepted connection on a port with TLS, from its first byte to the end of the TLS handshake;
// then an HttpSession goes on, within the same handshake_timeout. Who speaks plain HTTP is told so.
// On the shard's thread, where handshakes take turns with everything else.
class TlsHandshake final : public Connection, public std::enable_shared_from_this<TlsHandshake> {
  public:
    // What is made of a connection that `refusal` is meant for: the handshake, then the refusal.
    TlsHandshake(Shard& shard, boost::asio::ip::tcp::socket socket,
                 std::shared_ptr<const TlsContext> context, std::optional<Refusal> refusal,
                 std::shared_ptr<Ticket> ticket);
    ~TlsHandshake() override;
    TlsHandshake(const TlsHandshake&) = delete;
    TlsHandshake& operator=(const TlsHandshake&) = delete;

    void start();

    void drain() override {}
    void finish() override { close(); }
    void abort() override { close(); }

  private:
    using Socket = boost::asio::ip::tcp::socket;

    void wait(Socket::wait_type what);
    void on_ready();
    void begin();
    void step();
    void refuse_plain();
    void fail(const std::string& reason);
    void go_on(Stream stream, const std::optional<Refusal>& refusal);
    void close();

    Shard& shard_;
    Socket socket_;
    boost::asio::steady_timer timer_;
    const std::chrono::steady_clock::time_point deadline_;
    std::shared_ptr<const TlsContext> context_;
    std::optional<Refusal> refusal_;
    std::shared_ptr<Ticket> ticket_;
    std::unique_ptr<TlsStream> tls_;  // from the first byte on
    bool closed_ = false;
};

// Begins the life of an accepted connection: under TLS where the server has a certificate.
void begin_connection(Shard& shard, boost::asio::ip::tcp::socket socket,
                      const std::optional<Refusal>& refusal, std::shared_ptr<Ticket> ticket);

}  // namespace jac::cloud
