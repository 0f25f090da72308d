#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace jac::cloud::test {

struct TlsClientOptions {
    int version = 0;          // TLS1_3_VERSION alone, say; 0: any
    std::string protocols{};  // for ALPN, as they are on the wire: "\x02h2"
    SSL_SESSION* session = nullptr;
    int receive_buffer = 0;  // bytes; 0: the system's
};

// A blocking TLS client that trusts everyone. The constructor shakes hands and throws when that
// fails.
class TlsClient {
  public:
    explicit TlsClient(std::uint16_t port, const TlsClientOptions& options = {})
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
          context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
        if (options.receive_buffer != 0) {
            setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof(int));
        }
        constexpr int yes = 1;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        const timeval patience{20, 0};
        setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what connect() asks for
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            throw std::runtime_error("connect");
        }
        SSL_CTX_set_security_level(context_.get(), 0);
        SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT);
        if (options.version != 0) {
            SSL_CTX_set_min_proto_version(context_.get(), options.version);
            SSL_CTX_set_max_proto_version(context_.get(), options.version);
        }
        ssl_.reset(SSL_new(context_.get()), SSL_free);
        const std::span protocols(options.protocols);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what OpenSSL asks for
        SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
        if (options.session != nullptr) SSL_set_session(ssl_.get(), options.session);
        SSL_set_fd(ssl_.get(), socket_);
        ERR_clear_error();
        if (SSL_connect(ssl_.get()) != 1) throw std::runtime_error(problem());
    }
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;
    ~TlsClient() { drop(); }

    void send(std::string_view bytes) {
        std::size_t sent = 0;
        ERR_clear_error();
        if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) != 1) {
            throw std::runtime_error(problem());
        }
    }
    // Some bytes; none: the server has said that nothing more comes. Throws when it was cut off.
    std::string receive() {
        std::array<char, 16384> buffer{};
        std::size_t count = 0;
        ERR_clear_error();
        const int returned = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count);
        if (returned == 1) return {buffer.data(), count};
        if (SSL_get_error(ssl_.get(), returned) == SSL_ERROR_ZERO_RETURN) return {};
        throw std::runtime_error(problem());
    }
    std::string take(std::size_t count) {
        while (received_.size() < count) {
            const auto more = receive();
            if (more.empty()) break;
            received_ += more;
        }
        auto taken = received_.substr(0, count);
        received_.erase(0, taken.size());
        return taken;
    }
    std::string take_until(std::string_view end) {
        while (received_.find(end) == std::string::npos) {
            const auto more = receive();
            if (more.empty()) throw std::runtime_error("ended after: " + received_);
            received_ += more;
        }
        return take(received_.find(end) + end.size());
    }
    std::string rest() {
        while (true) {
            const auto more = receive();
            if (more.empty()) return std::exchange(received_, {});
            received_ += more;
        }
    }
    void drop() {
        if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    }

    SSL* ssl() { return ssl_.get(); }
    int socket() const { return socket_; }
    std::string certificate_name() const {
        X509* const peer = SSL_get0_peer_certificate(ssl_.get());
        std::array<char, 256> name{};
        X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name.data(),
                                  name.size());
        return name.data();
    }

  private:
    static std::string problem() {
        const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
        return reason == nullptr ? "the connection broke off" : reason;
    }

    int socket_;
    std::shared_ptr<SSL_CTX> context_;
    std::shared_ptr<SSL> ssl_;
    std::string received_;
};

}  // namespace jac::cloud::test
