#include "server/server.hpp"

#include <pthread.h>

#include <condition_variable>
#include <future>
#include <string>

#include "base/error.hpp"
#include "server/http_exchange.hpp"

namespace jac::cloud {

Server::Server(Config config) : services_(std::move(config)) {
    services_.config.validate();
    if (!services_.config.tls_cert.empty()) {
        services_.tls =
            std::make_unique<TlsCredentials>(services_.config.tls_cert, services_.config.tls_key);
    }
    services_.http = std::make_shared<HttpQueue>();
    services_.broker = std::make_shared<LocalBroker>();
    for (unsigned i = 0; i < services_.config.resolved_io_threads(); ++i) {
        shards_.push_back(std::make_unique<Shard>(i, services_));
        services_.broker->attach(shards_.back()->mailbox());
    }
}

Server::~Server() {
    stop(std::chrono::nanoseconds{0});
}

void Server::start() {
    const std::lock_guard lock(life_);
    if (started_) throw ListenError(Errc::already_started, services_.config.host);
    listener_ = std::make_unique<Listener>(services_, shards_);
    listener_->open();
    port_ = listener_->port();
    started_ = true;
    for (auto& shard : shards_) {
        if (walkers_) shard->sessions().walkers = walkers_;
        threads_.emplace_back([&shard = *shard] { shard.run(); });
        // For who looks at the process with top -H or a profiler.
        const auto name = "jac-io-" + std::to_string(shard->index());
        ::pthread_setname_np(threads_.back().native_handle(), name.c_str());
    }
    listener_->start();
}

void Server::set_walkers(std::shared_ptr<const WalkerTable> walkers) {
    const std::lock_guard lock(life_);
    walkers_ = std::move(walkers);
    if (!started_) return;
    on_each_shard([walkers = walkers_](Shard& shard) { shard.sessions().walkers = walkers; });
}

void Server::set_policy(const std::string& walker, bool wants_user) {
    const std::lock_guard lock(life_);
    for (auto& shard : shards_) {
        shard->sessions().policy.set_walker(walker, wants_user, services_.log);
    }
}

template <class Ask>
void Server::on_each_shard(const Ask& ask) {
    for (auto& shard : shards_) {
        shard->mailbox()->post([&shard = *shard, ask] { ask(shard); });
    }
}

void Server::revoke(const Revocation& revocation) {
    // Counted before it is told: a check that begins from now on sees it in the store.
    const auto count = ++services_.revocations;
    on_each_shard([revocation, count](Shard& shard) { shard.revoke(revocation, count); });
}

void Server::reload_tls() {
    if (services_.tls) services_.tls->reload();
}

std::int64_t Server::certificate_expires_at() const {
    return services_.tls ? services_.tls->current()->expires_at() : 0;
}

void Server::drain() {
    const std::lock_guard lock(life_);
    if (drained_) return;
    drained_ = true;
    if (started_ && services_.config.listen_fd >= 0) hand_on_the_port();
    services_.draining = true;
    on_each_shard([](Shard& shard) { shard.drain_connections(); });
    services_.walker_lane.close();
    services_.policy_lane.close();
}

// Others listen on the same socket: what comes from now on is theirs, and who was let in here is
// still served.
void Server::hand_on_the_port() {
    constexpr std::chrono::seconds most{1};
    constexpr std::chrono::milliseconds between{5};
    const auto deadline = std::chrono::steady_clock::now() + most;
    std::promise<void> closed;
    shards_.front()->mailbox()->post([&] {
        listener_->close();
        closed.set_value();
    });
    closed.get_future().wait();
    while (listener_->handshakes() != 0 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::sleep_for(between);
    }
}

void Server::stop(std::chrono::nanoseconds grace) {
    drain();
    const std::lock_guard lock(life_);
    if (stopped_) return;
    stopped_ = true;
    const auto deadline = std::chrono::steady_clock::now() + grace;
    if (started_) {
        on_each_shard([](Shard& shard) { shard.finish_connections(); });
        wait_until_idle(deadline);
        shards_.front()->mailbox()->post([&listener = *listener_] { listener.close(); });
        on_each_shard([](Shard& shard) {
            shard.abort_connections();
            shard.stop();
        });
        for (auto& thread : threads_) thread.join();
    }
    services_.token_lane.close();
    services_.http->close();
    services_.log.close();
}

// Asks each shard in turn whether its connections are gone, until they are or time is up.
void Server::wait_until_idle(std::chrono::steady_clock::time_point deadline) {
    struct Answer {
        std::mutex mutex;
        std::condition_variable arrived;
        bool asked = false;
        bool idle = false;
    };
    for (auto& shard : shards_) {
        while (std::chrono::steady_clock::now() < deadline) {
            auto answer = std::make_shared<Answer>();
            shard->mailbox()->post([&shard = *shard, answer] {
                const std::lock_guard lock(answer->mutex);
                answer->asked = true;
                answer->idle = shard.idle();
                answer->arrived.notify_one();
            });
            std::unique_lock lock(answer->mutex);
            answer->arrived.wait_until(lock, deadline, [&] { return answer->asked; });
            if (answer->idle) break;
            constexpr std::chrono::milliseconds between{5};
            answer->asked = false;
            answer->arrived.wait_for(lock, between, [&] { return answer->asked; });
        }
    }
}

std::vector<std::pair<std::string, std::uint64_t>> Server::stats() const {
    const auto sum = [this](auto counter) {
        std::uint64_t total = 0;
        for (const auto& shard : shards_) total += counter(shard->counters()).value();
        return total;
    };
    const auto sum_of_hubs = [this](auto counter) {
        std::uint64_t total = 0;
        for (const auto& shard : shards_) total += counter(shard->hub().counters()).value();
        return total;
    };
    const auto sum_of_policies = [this](auto counter) {
        std::uint64_t total = 0;
        for (const auto& shard : shards_) {
            total += counter(shard->sessions().policy.counters()).value();
        }
        return total;
    };
    const auto sizes = services_.broker->directory().sizes();
    std::uint64_t connections = 0;
    for (const auto& shard : shards_) connections += shard->connection_count();
    std::vector<std::pair<std::string, std::uint64_t>> stats{
        {"connections", connections},
        {"sessions", sum([](auto& c) -> auto& { return c.sessions; })},
        {"sessions_opened", sum([](auto& c) -> auto& { return c.sessions_opened; })},
        {"clients", sizes.clients},
        {"users", sizes.users},
        {"channels", sizes.channels},
        {"deliveries", sum_of_hubs([](auto& c) -> auto& { return c.deliveries; })},
        {"outbox_bytes", sum_of_hubs([](auto& c) -> auto& { return c.outbox_bytes; })},
        {"slow_consumers", sum([](auto& c) -> auto& { return c.slow_consumers; })},
        {"not_responding", sum([](auto& c) -> auto& { return c.not_responding; })},
        {"rate_limited", sum([](auto& c) -> auto& { return c.rate_limited; })},
        {"identities_lost", sum([](auto& c) -> auto& { return c.identities_lost; })},
        {"tls_handshakes", sum([](auto& c) -> auto& { return c.tls_handshakes; })},
        {"tls_resumed", sum([](auto& c) -> auto& { return c.tls_resumed; })},
        {"tls_failures", sum([](auto& c) -> auto& { return c.tls_failures; })},
        {"policy_allowed", sum_of_policies([](auto& c) -> auto& { return c.allowed; })},
        {"policy_refused", sum_of_policies([](auto& c) -> auto& { return c.refused; })},
        {"policy_failed", sum_of_policies([](auto& c) -> auto& { return c.failed; })},
        {"policy_questions", sum_of_policies([](auto& c) -> auto& { return c.questions; })},
        {"policy_questions_waiting", services_.policy_lane.size()},
        {"walkers_waiting", services_.walker_lane.size()},
        {"token_checks_waiting", services_.token_lane.size()},
        {"requests_waiting", services_.http->waiting_requests()},
    };
    return stats;
}

std::vector<EventCount> Server::event_counts() const {
    std::vector<EventCount> counts;
    const auto add = [&](std::size_t type, std::optional<ReplyError> error) {
        std::uint64_t total = 0;
        for (const auto& shard : shards_) total += shard->counters().events.value(type, error);
        if (total == 0) return;
        counts.push_back(
            {type == EventCounters::unread ? "" : to_string(static_cast<EventType>(type)),
             error ? reply_error_info(*error).code : "ok", total});
    };
    for (std::size_t type = 0; type <= EventCounters::types; ++type) {
        add(type, std::nullopt);
        for (const auto& info : reply_errors) add(type, info.error);
    }
    return counts;
}

std::vector<std::pair<unsigned, std::uint64_t>> Server::http_counts() const {
    std::vector<std::pair<unsigned, std::uint64_t>> counts;
    for (auto status = HttpCounters::lowest; status <= HttpCounters::highest; ++status) {
        std::uint64_t total = 0;
        for (const auto& shard : shards_) total += shard->counters().http.value(status);
        if (total != 0) counts.emplace_back(status, total);
    }
    return counts;
}

}  // namespace jac::cloud
