#pragma once

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "pubsub/hub.hpp"
#include "pubsub/session.hpp"
#include "server/admission.hpp"
#include "server/costly_steps.hpp"
#include "server/joint_sends.hpp"
#include "server/mailbox.hpp"
#include "server/poller.hpp"
#include "server/services.hpp"
#include "server/stream.hpp"
#include "server/timer_wheel.hpp"

namespace jac::cloud {

class WebsocketConnection;

// Anything with a socket that a shard has to end when the server stops. All on the shard's thread.
// An HTTP session enters itself in its shard's connections() and leaves in its destructor.
class Connection {
  public:
    virtual ~Connection() = default;
    // The server takes no new work: finish what runs.
    virtual void drain() = 0;
    // Say goodbye: a WebSocket closes with 1001, HTTP finishes the response that runs.
    virtual void finish() = 0;
    // Close the socket now.
    virtual void abort() = 0;
};

// What an accepted upgrade hands to its WebSocket.
struct Upgrade {
    std::string response_head;  // the whole 101 response, sent before the first frame
    std::string leftover;       // bytes that came behind the request in the same segment
    std::string channel_id;     // empty: a random one
    Identity identity;
    int deflate_window = 0;  // in bits; 0: messages are not compressed
    std::shared_ptr<Ticket> ticket;
};

// One I/O thread: its own io_context, connections, hub and timers. Everything is for its own
// thread, but for mailbox(), stop(), connection_count() and the counters.
class Shard {
  public:
    Shard(unsigned index, Services& services);
    ~Shard();
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    unsigned index() const noexcept { return index_; }
    boost::asio::io_context& io() noexcept { return io_; }
    Services& services() noexcept { return services_; }
    const Config& config() const noexcept { return services_.config; }
    LogSink& log() noexcept { return services_.log; }
    Limits& limits() noexcept { return services_.limits; }
    Hub& hub() noexcept { return hub_; }
    SessionContext& sessions() noexcept { return sessions_; }
    const std::shared_ptr<Mailbox>& mailbox() const noexcept { return mailbox_; }
    std::unordered_set<Connection*>& connections() noexcept { return connections_; }
    ShardCounters& counters() noexcept { return sessions_.counters; }

    // Connections assigned to this shard and not yet gone: counted by the listener and the tickets.
    std::atomic<std::uint64_t>& connection_count() noexcept { return connection_count_; }

    // Starts the life of a WebSocket on a connection whose upgrade request was accepted.
    void start_websocket(Stream stream, Upgrade upgrade);

    CostlySteps& costly_steps() noexcept { return costly_steps_; }

    // For the shard's WebSockets: their place in the timer wheel, and their end.
    void wake_at(std::uint64_t number, TimePoint due);
    void remove(WebsocketConnection& websocket);
    Poller& poller() noexcept { return poller_; }
    std::array<char, 65536>& read_buffer() noexcept { return read_buffer_; }

    // A session has handed a walker to the workers; answer_walker() follows, once.
    void walker_submitted() noexcept { ++walkers_in_flight_; }

    // The answers to a session's work; nobody may be there to have them.
    void answer_walker(std::uint64_t number, std::string_view reply,
                       std::optional<ReplyError> error);
    void answer_token(std::uint64_t number, std::uint64_t check, const TokenAnswer& answer);
    void answer_policy(std::uint64_t number, std::uint64_t question, std::optional<bool> allowed);

    // Ends the WebSockets whose token is revoked. `count` as for TokenIndex::revoke.
    void revoke(const Revocation& revocation, std::uint64_t count);

    // No new events are taken. Says goodbye to who waits for no walker, some in each turn.
    void drain_connections();
    // Says goodbye to everyone, some in each turn.
    void finish_connections();
    // Closes every socket now.
    void abort_connections();
    bool idle() const noexcept { return websockets_.empty() && connections_.empty(); }

    // Runs until stop(). Called by the thread that the server gives it.
    void run();
    // Any thread: ends run() soon.
    void stop() { io_.stop(); }

  private:
    static constexpr std::chrono::microseconds longest_turn{2000};
    static constexpr std::chrono::microseconds between_pieces{500};

    void receive(const Delivery& delivery);
    void let_walkers_notify();
    void serve_others();
    void serve_ready();
    void flush_if_gathered();
    void arm_timer();
    void on_timer();
    void expire_tokens();
    void in_batches(std::vector<std::uint64_t> numbers, void (WebsocketConnection::*act)());
    std::vector<std::uint64_t> websocket_numbers() const;
    std::vector<Connection*> snapshot() const;

    unsigned index_;
    Services& services_;
    Hub hub_;
    SessionContext sessions_;
    TimerWheel wheel_;
    std::unordered_map<std::uint64_t, std::shared_ptr<WebsocketConnection>> websockets_;
    std::unordered_set<Connection*> connections_;
    std::array<char, 65536> read_buffer_{};
    std::uint64_t last_number_ = 0;
    std::atomic<std::uint64_t> connection_count_ = 0;
    std::uint64_t walkers_in_flight_ = 0;
    std::uint64_t notified_ = 0;  // by walkers and other shards, since the last flush
    JointSends joint_sends_;
    bool unsent_ = false;  // a flush has left somebody over
    bool timer_armed_ = false;
    TimePoint expired_at_{};  // when tokens were last looked through
    // Behind the tables: handlers that go with it still find them.
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    Poller poller_;
    boost::asio::steady_timer timer_;
    CostlySteps costly_steps_;
    boost::asio::steady_timer goodbye_;
    std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace jac::cloud
