#include "bindings/active_server.hpp"

#include <pthread.h>

#include <atomic>

#include "base/error.hpp"

namespace jac::cloud {

namespace {

std::atomic<bool> forked = false;

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
    static const int registered =
        pthread_atfork(nullptr, nullptr, [] { forked.store(true, std::memory_order_relaxed); });
    static_cast<void>(registered);
}

bool in_forked_child() noexcept {
    return forked.load(std::memory_order_relaxed);
}

void refuse_in_forked_child() {
    if (in_forked_child()) throw ListenError(Errc::forked_child, "fork");
}

}  // namespace jac::cloud
