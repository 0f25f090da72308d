// The sockets of Load: connecting, reading frames, writing what is due.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "load.hpp"

namespace jac::cloud::bench {
namespace {

using State = Connection::State;

[[noreturn]] void throw_errno(const char* call) {
    throw std::system_error(errno, std::generic_category(), call);
}

template <typename Value>
void set_option(int fd, int level, int name, const Value& value) {
    if (setsockopt(fd, level, name, &value, sizeof value) != 0) throw_errno("setsockopt");
}

// One of 127.0.0.1 and those after it: an address has some 28,000 ports to connect from.
void bind_source(int fd, int index) {
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<in_addr_t>(index));
    if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) != 0) {
        throw_errno("bind");
    }
}

}  // namespace

void Load::open(Connection& connection) {
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection.fd < 0) throw_errno("socket");
    set_option(connection.fd, IPPROTO_TCP, TCP_NODELAY, 1);
    // Reset on close, so that a run leaves nothing in TIME_WAIT for the next.
    set_option(connection.fd, SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
    if (connection.stalled && options_.stall_rcvbuf_bytes > 0) {
        set_option(connection.fd, SOL_SOCKET, SO_RCVBUF, options_.stall_rcvbuf_bytes);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    if (inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr) != 1) {
        errno = EINVAL;
        throw_errno("--host must be an IPv4 address");
    }
    if (options_.sources > 1) bind_source(connection.fd, opened_++ % options_.sources);
    if (connect(connection.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 &&
        errno != EINPROGRESS) {
        throw_errno("connect");
    }
    epoll_event event{.events = EPOLLOUT, .data = {.ptr = &connection}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) != 0) throw_errno("epoll_ctl");
    ++connecting_;
}

void Load::become_ready(Connection& connection) {
    connection.state = State::ready;
    --connecting_;
    ++ready_;
    if (connection.stalled) watch(connection);
}

void Load::end(Connection& connection) {
    if (connection.state == State::dead) return;
    --(connection.state == State::ready ? ready_ : connecting_);
    connection.state = State::dead;
    close(connection.fd);
    connection.fd = -1;
    ++dead_;
    if (connection.stalled) {
        ++closed_stalled_;
    } else if (connection.subscriber && running_) {
        ++closed_live_;
        --live_subscribers_;
    }
}

void Load::watch(Connection& connection) {
    const bool reads = !(connection.stalled && connection.state == State::ready);
    epoll_event event{.events = static_cast<std::uint32_t>(reads ? EPOLLIN : EPOLLRDHUP),
                      .data = {.ptr = &connection}};
    if (connection.waits_to_write) event.events |= EPOLLOUT;
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event) != 0) throw_errno("epoll_ctl");
}

void Load::flush(Connection& connection) {
    while (connection.state != State::dead && !connection.out.empty()) {
        const ssize_t sent =
            send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            connection.out.erase(0, static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN) {
            if (!connection.waits_to_write) {
                connection.waits_to_write = true;
                watch(connection);
            }
            return;
        } else {
            end(connection);
        }
    }
    if (connection.state != State::dead && connection.waits_to_write) {
        connection.waits_to_write = false;
        watch(connection);
    }
}

void Load::turn(std::uint64_t timeout_ns) {
    std::array<epoll_event, 4096> events;
    // In nanoseconds: with --rate, requests are due every few microseconds.
    const timespec timeout{.tv_sec = 0, .tv_nsec = static_cast<long>(timeout_ns)};
    const int count = epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
    if (count < 0 && errno != EINTR) throw_errno("epoll_wait");
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        on_event(*static_cast<Connection*>(event.data.ptr), event.events);
    }
}

void Load::on_event(Connection& connection, std::uint32_t events) {
    if (connection.state == State::dead) return;
    if (connection.state == State::connecting) return on_connected(connection);
    constexpr std::uint32_t gone = EPOLLHUP | EPOLLERR;
    if (connection.stalled && connection.state == State::ready) {
        if ((events & (EPOLLRDHUP | gone)) != 0) end(connection);
        return;
    }
    if ((events & EPOLLOUT) != 0) flush(connection);
    if (connection.state != State::dead && (events & (EPOLLIN | gone)) != 0) {
        on_readable(connection);
    }
}

void Load::on_connected(Connection& connection) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        complain(std::string("connect: ") + std::strerror(error));
        return end(connection);
    }
    if (!protocol_->upgrades()) {
        become_ready(connection);
        return watch(connection);
    }
    connection.out = "GET " + protocol_->path(connection) + " HTTP/1.1\r\nHost: " + options_.host +
                     ":" + std::to_string(options_.port) +
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Version: 13\r\n\r\n";
    connection.state = State::handshake;
    connection.waits_to_write = true;  // as it is watched now
    flush(connection);
}

void Load::on_readable(Connection& connection) {
    const ssize_t received = recv(connection.fd, scratch_.data(), scratch_.size(), 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received <= 0) return end(connection);
    const std::uint64_t now = now_ns();
    ++reads_;
    const std::string_view bytes(scratch_.data(), static_cast<std::size_t>(received));
    if (connection.in.empty()) {
        connection.in = bytes.substr(consume(connection, bytes, now));
    } else {
        connection.in += bytes;
        connection.in.erase(0, consume(connection, connection.in, now));
    }
    if (!connection.out.empty() && !connection.waits_to_write) flush(connection);
}

// Handles what has wholly arrived; returns how many bytes that was.
std::size_t Load::consume(Connection& connection, std::string_view bytes, std::uint64_t now) {
    std::size_t used = 0;
    if (connection.state == State::handshake) {
        used = consume_handshake(connection, bytes);
        if (used == 0) return 0;
    }
    for (Frame frame;
         connection.state != State::dead && protocol_->parse(bytes.substr(used), frame);) {
        used += frame.size;
        ++frames_;
        if (frame.opcode == Opcode::close) {
            end(connection);
        } else if (frame.opcode == Opcode::ping) {
            append_frame(connection.out, frame.payload, Opcode::pong);
        } else if (frame.opcode == Opcode::pong) {
            if (running_ && options_.test == Test::ping) on_answered(connection, 1, now);
        } else {
            if (!frame.final) {
                ++wrong_;
                complain("fragmented message: not supported");
            }
            on_message(connection, frame.payload, now);
        }
    }
    return connection.state == State::dead ? bytes.size() : used;
}

std::size_t Load::consume_handshake(Connection& connection, std::string_view bytes) {
    constexpr std::string_view end_of_head = "\r\n\r\n";
    const auto head = bytes.find(end_of_head);
    if (head == std::string_view::npos) return 0;
    if (!bytes.starts_with("HTTP/1.1 101")) {
        complain("bad upgrade: " + std::string(bytes.substr(0, 160)));
        end(connection);
        return bytes.size();
    }
    connection.state = State::setup;
    if (protocol_->opened(connection)) become_ready(connection);
    flush(connection);
    return head + end_of_head.size();
}

void Load::complain(const std::string& what) {
    if (complaints_++ < 3) std::fprintf(stderr, "%s\n", what.c_str());
}

}  // namespace jac::cloud::bench
