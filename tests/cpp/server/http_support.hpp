#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "server/http_exchange.hpp"
#include "server/server.hpp"

namespace jac::cloud {

inline constexpr std::chrono::seconds patience{20};

// Tries until it holds or patience ends.
inline bool eventually(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

// A client that sends what it is told, byte for byte.
class RawClient {
  public:
    explicit RawClient(std::uint16_t port, int receive_buffer = 0)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (receive_buffer != 0) {
            setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        }
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what connect() asks for
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            throw std::system_error(errno, std::generic_category(), "connect");
        }
    }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;
    ~RawClient() { close(); }

    void send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count < 0) return;  // the server has closed: what it said is still to be read
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
    }

    // As much as the socket takes at once.
    std::size_t send_some(std::string_view bytes) const {
        const auto count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        return count < 0 ? 0 : static_cast<std::size_t>(count);
    }

    void send_slowly(std::string_view bytes) const {
        for (const char byte : bytes) {
            send({&byte, 1});
            std::this_thread::yield();
        }
    }

    // False: nothing more comes, the server has closed.
    bool receive() {
        pollfd ready{socket_, POLLIN, 0};
        constexpr auto wait = std::chrono::milliseconds(patience);
        if (::poll(&ready, 1, static_cast<int>(wait.count())) != 1) {
            throw std::runtime_error("the server says nothing; so far: " + received_);
        }
        std::array<char, 65536> buffer{};
        const auto count = ::recv(socket_, buffer.data(), buffer.size(), 0);
        if (count <= 0) return false;
        received_.append(buffer.data(), static_cast<std::size_t>(count));
        return true;
    }

    // One whole response with Content-Length, without a body, or in chunks (given decoded).
    std::string response(bool bodiless = false);

    // Everything until the server closes.
    std::string rest() {
        while (receive()) {
        }
        return std::exchange(received_, {});
    }

    std::string take(std::size_t count) {
        while (received_.size() < count && receive()) {
        }
        auto taken = received_.substr(0, count);
        received_.erase(0, taken.size());
        return taken;
    }

    void end_sending() const { ::shutdown(socket_, SHUT_WR); }
    void close() {
        if (socket_ >= 0) ::close(std::exchange(socket_, -1));
    }
    // Closes with a reset.
    void reset() {
        const linger now{1, 0};
        setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close();
    }

  private:
    std::string take_until(std::string_view end) {
        while (received_.find(end) == std::string::npos) {
            if (!receive()) throw std::runtime_error("the server closed after: " + received_);
        }
        return take(received_.find(end) + end.size());
    }

    int socket_;
    std::string received_;
};

inline std::string RawClient::response(bool bodiless) {
    auto head = take_until("\r\n\r\n");
    if (bodiless) return head;
    if (head.find("Transfer-Encoding: chunked") != std::string::npos) {
        std::string body;
        while (true) {
            const auto size = std::stoul(take_until("\r\n"), nullptr, 16);
            body += take(size);
            if (take(2) != "\r\n") throw std::runtime_error("a chunk does not end");
            if (size == 0) return head + body;
        }
    }
    const std::string name = "ontent-Length: ";
    const auto at = head.find(name);
    if (at == std::string::npos) return head;
    return head + take(std::stoul(head.substr(at + name.size())));
}

// A byte now and then, for as long as the thread is kept.
inline std::jthread sends_until_the_end(const RawClient& client) {
    return std::jthread([&client](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            client.send("x");
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    });
}

// "HTTP/1.1 200 OK..." -> 200; 0 for no response.
inline int status_of(const std::string& response) {
    return response.size() < 12 ? 0 : std::stoi(response.substr(9, 3));
}

inline std::string body_of(const std::string& response) {
    const auto end = response.find("\r\n\r\n");
    return end == std::string::npos ? "" : response.substr(end + 4);
}

// An application in C++, on a thread of its own, as Python's would be. Each request is answered by
// the handler; the other signals are kept for the test to see.
class Application {
  public:
    using Handler = std::function<void(const std::shared_ptr<HttpExchange>&)>;

    Application(std::shared_ptr<HttpQueue> queue, Handler handler)
        : queue_(std::move(queue)), handler_(std::move(handler)), thread_([this] { run(); }) {
        queue_->open();
    }
    Application(const Application&) = delete;
    Application& operator=(const Application&) = delete;
    ~Application() {
        ending_ = true;
        thread_.join();
    }

    int count(HttpSignal signal) {
        const std::lock_guard lock(mutex_);
        return counts_[signal];
    }

  private:
    void run() {
        while (!ending_) {
            pollfd ready{queue_->fd(), POLLIN, 0};
            ::poll(&ready, 1, 5);
            for (const auto& [signal, exchange] : queue_->take()) {
                {
                    const std::lock_guard lock(mutex_);
                    ++counts_[signal];
                }
                if (signal == HttpSignal::request || signal == HttpSignal::body) {
                    handler_(exchange);
                }
            }
        }
    }

    std::shared_ptr<HttpQueue> queue_;
    Handler handler_;
    std::mutex mutex_;
    std::map<HttpSignal, int> counts_;
    std::atomic<bool> ending_ = false;
    std::thread thread_;
};

inline void respond(HttpExchange& exchange, std::string_view body, unsigned status = 200,
                    const HttpFields& fields = {}) {
    exchange.start(status, fields);
    exchange.write(body, false);
}

// Answers with the method, the target and the whole body, once that has come.
inline Application::Handler echo() {
    auto bodies = std::make_shared<std::map<HttpExchange*, std::string>>();
    return [bodies](const std::shared_ptr<HttpExchange>& exchange) {
        auto& body = (*bodies)[exchange.get()];
        while (true) {
            const auto piece = exchange->read();
            body += piece.bytes;
            if (!piece.more) break;
            if (piece.bytes.empty()) return;  // waits for HttpSignal::body
        }
        const auto& request = exchange->request();
        respond(*exchange, request.method + " " + request.target + " " + body);
        bodies->erase(exchange.get());
    };
}

inline const std::string get_root = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

inline std::string post(const std::string& body, const std::string& fields = "") {
    return "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + fields + "\r\n" + body;
}

inline Config test_config() {
    Config config;
    config.port = 0;
    config.io_threads = 2;
    return config;
}

// A port that is there before its server. What a client sends meanwhile is there when the server
// lets it in, so that none of the times it is given can end before, however slow the machine is.
class EarlyPort {
  public:
    EarlyPort() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what bind() asks for
        auto* const generic = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listening_, generic, size) != 0 || ::listen(listening_, SOMAXCONN) != 0 ||
            ::getsockname(listening_, generic, &size) != 0) {
            throw std::system_error(errno, std::generic_category(), "listen");
        }
        port_ = ntohs(address.sin_port);
    }
    EarlyPort(const EarlyPort&) = delete;
    EarlyPort& operator=(const EarlyPort&) = delete;
    ~EarlyPort() {
        if (listening_ >= 0) ::close(listening_);
    }

    std::uint16_t port() const noexcept { return port_; }
    // For the server, which has the socket from then on.
    Config handed_to(Config config) {
        config.listen_fd = std::exchange(listening_, -1);
        return config;
    }

  private:
    int listening_;
    std::uint16_t port_ = 0;
};

// A server with an application; stops both at its end.
class TestServer {
  public:
    explicit TestServer(Application::Handler handler = echo(), Config config = test_config())
        : server_(std::move(config)) {
        if (handler) {
            application_ =
                std::make_unique<Application>(server_.services().http, std::move(handler));
        }
        server_.start();
    }
    TestServer(const TestServer&) = delete;
    TestServer& operator=(const TestServer&) = delete;
    ~TestServer() { server_.stop(std::chrono::seconds(1)); }

    Server& server() noexcept { return server_; }
    Application& application() { return *application_; }
    std::uint16_t port() const { return server_.port(); }

    std::uint64_t figure(std::string_view name) const {
        for (const auto& [key, value] : server_.stats()) {
            if (key == name) return value;
        }
        throw std::out_of_range(std::string(name));
    }

  private:
    Server server_;
    std::unique_ptr<Application> application_;
};

}  // namespace jac::cloud
