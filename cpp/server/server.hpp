#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "server/listener.hpp"
#include "server/services.hpp"
#include "server/shard.hpp"

namespace jac::cloud {

struct EventCount {
    std::string_view type;    // empty: it could not be read
    std::string_view result;  // "ok", or an error's code
    std::uint64_t count;
};

// The whole native server: a listener, its shards and their threads. start(), drain() and stop()
// are for one owner; the rest is for any thread. Blocks nowhere but in stop().
class Server {
  public:
    // Throws ConfigError.
    explicit Server(Config config);
    // Stops at once, if it was not stopped.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Binds, then starts the I/O threads. Throws ListenError, with nothing started.
    void start();
    // The port it listens on; 0 before start().
    std::uint16_t port() const noexcept { return port_; }

    // The walkers that clients may ask for.
    void set_walkers(std::shared_ptr<const WalkerTable> walkers);

    // The walker that is asked who may join channels and send events, and whether it wants a user.
    // Before start().
    void set_policy(const std::string& walker, bool wants_user);

    // Ends the sessions whose token it covers, and every one that is being opened with such a
    // token. The store of tokens must refuse them by now.
    void revoke(const Revocation& revocation);

    // Reads the certificate and its key again, for connections from now on. Throws ConfigError, and
    // then keeps those that it has. Nothing happens without TLS. Any thread that may read files.
    void reload_tls();
    // Unix seconds; 0 without TLS.
    std::int64_t certificate_expires_at() const;

    // New connections get 503 (or, where others listen on the same socket, are left to them), new
    // events are not taken, those that run go on. Lanes give out what they hold, then end. Says
    // goodbye (1001) to each WebSocket that waits for no walker, to the others when theirs has
    // ended, and to whom is left after `Services::longest_goodbye`.
    void drain();
    // drain(), then flushes and closes everyone who is left for up to `grace`, cuts the rest and
    // joins the threads. Idempotent.
    void stop(std::chrono::nanoseconds grace);

    Services& services() noexcept { return services_; }
    const std::shared_ptr<LocalBroker>& broker() const noexcept { return services_.broker; }

    // Figures of now and counts since the start, by name. This and the counts below take no lock.
    std::vector<std::pair<std::string, std::uint64_t>> stats() const;
    // The clients' events that there were.
    std::vector<EventCount> event_counts() const;
    // The answers of the listener's own, by status.
    std::vector<std::pair<unsigned, std::uint64_t>> http_counts() const;

  private:
    void hand_on_the_port();
    void wait_until_idle(std::chrono::steady_clock::time_point deadline);
    template <class Ask>
    void on_each_shard(const Ask& ask);

    Services services_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::unique_ptr<Listener> listener_;
    std::vector<std::thread> threads_;
    std::shared_ptr<const WalkerTable> walkers_;
    std::atomic<std::uint16_t> port_ = 0;
    std::mutex life_;  // start, drain and stop, one at a time
    bool started_ = false;
    bool drained_ = false;
    bool stopped_ = false;
};

}  // namespace jac::cloud
