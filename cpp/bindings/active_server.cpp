#include "bindings/active_server.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstring>
#include <string_view>

#include "base/error.hpp"

namespace jac::cloud {

namespace {

std::atomic<bool> forked = false;
std::atomic<std::uint16_t> served_port = 0;

bool is_served(int descriptor) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what getsockname() asks for
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
        return false;
    }
    // The port is at the same place in both.
    sockaddr_in internet{};
    std::memcpy(&internet, &address, sizeof internet);
    return (address.ss_family == AF_INET || address.ss_family == AF_INET6) &&
           ntohs(internet.sin_port) == served_port.load(std::memory_order_relaxed);
}

// The copies that a forked child has of the server's sockets: while one is open, no client sees its
// connection end, and the port stays taken.
void close_copies() {
    DIR* const open = ::opendir("/proc/self/fd");
    if (open == nullptr) return;
    while (const dirent* const entry = ::readdir(open)) {
        const std::string_view name(entry->d_name);
        int descriptor = 0;  // stays so for "." and ".."
        std::from_chars(name.begin(), name.end(), descriptor);
        if (descriptor > STDERR_FILENO && descriptor != ::dirfd(open) && is_served(descriptor)) {
            ::close(descriptor);
        }
    }
    ::closedir(open);
}

void on_fork_in_child() {
    forked.store(true, std::memory_order_relaxed);
    if (served_port.load(std::memory_order_relaxed) != 0) close_copies();
}

}  // namespace

void ActiveServer::enter(const std::shared_ptr<Server>& server) {
    const std::lock_guard lock(mutex_);
    if (broker_) {
        throw ListenError(Errc::already_running, server->services().config.host);
    }
    server_ = server;
    broker_ = server->broker();
}

void ActiveServer::leave(const Server& server) {
    const std::lock_guard lock(mutex_);
    if (broker_ != server.broker()) return;
    server_.reset();
    broker_.reset();
    served_port = 0;
}

void ActiveServer::serves(std::uint16_t port) {
    served_port = port;
}

std::shared_ptr<Server> ActiveServer::server() const {
    const std::lock_guard lock(mutex_);
    return server_.lock();
}

std::shared_ptr<Broker> ActiveServer::broker() const {
    const std::lock_guard lock(mutex_);
    return broker_;
}

ActiveServer& active_server() {
    // Never destroyed: threads may still ask while the process ends.
    static auto* const active = new ActiveServer;
    return *active;
}

void watch_for_forks() {
    static const int registered = pthread_atfork(nullptr, nullptr, &on_fork_in_child);
    static_cast<void>(registered);
}

bool in_forked_child() noexcept {
    return forked.load(std::memory_order_relaxed);
}

void refuse_in_forked_child() {
    if (in_forked_child()) throw ListenError(Errc::forked_child, "fork");
}

}  // namespace jac::cloud
