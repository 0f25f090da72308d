#include "server/shard.hpp"

#include <boost/asio/post.hpp>
#include <ctime>
#include <thread>
#include <utility>

#include "server/websocket_connection.hpp"

namespace jac::cloud {

Shard::Shard(unsigned index, Services& services)
    : index_(index),
      services_(services),
      hub_(index, services.broker->directory(), services.config.deflate_min_bytes),
      sessions_{services.config,
                services.limits,
                *services.broker,
                hub_,
                nullptr,
                index,
                EventReader({services.config.max_json_depth, services.config.max_targets}),
                std::make_shared<const WalkerTable>(),
                {},
                {},
                std::chrono::steady_clock::now()},
      wheel_(sessions_.now),
      work_(boost::asio::make_work_guard(io_)),
      poller_(io_),
      timer_(io_),
      // What the turn has gathered does not wait for them.
      costly_steps_(io_, [this] { hub_.flush(); }),
      goodbye_(io_),
      mailbox_(
          std::make_shared<Mailbox>(io_, [this](const Delivery& delivery) { receive(delivery); })) {
    sessions_.port = mailbox_;
    poller_.start([this] { serve_ready(); });
}

Shard::~Shard() {
    mailbox_->close();
}

// What all who are ready publish leaves together, and so does what a mailbox holds. Where that
// takes more than a piece, what comes and what goes take turns of about the same length.
void Shard::run() {
    while (!io_.stopped()) {
        if (notified_ > 0) let_walkers_notify();
        unsent_ = !hub_.flush_some();
        if (unsent_) {
            serve_others();
        } else {
            io_.run_one();
        }
    }
    mailbox_->close();
    // Also those that came with the last letters.
    abort_connections();
    websockets_.clear();
    // What the closed sockets were waiting for is told them, so that nobody is left.
    io_.restart();
    io_.poll();
}

// Where walkers have cores of their own, a yield returns at once.
void Shard::let_walkers_notify() {
    notified_ = 0;
    if (walkers_in_flight_ == 0 || !joint_sends_.begin(hub_.waiting())) return;
    const auto started = std::chrono::steady_clock::now();
    const auto waited = [&started] { return std::chrono::steady_clock::now() - started; };
    serve_others();
    while (walkers_in_flight_ > 0 && joint_sends_.yields(waited())) {
        std::this_thread::yield();
        serve_others();
    }
    joint_sends_.end(waited(), std::exchange(notified_, 0));
}

// Between two pieces: whatever can be done without waiting.
void Shard::serve_others() {
    const auto started = std::chrono::steady_clock::now();
    while (io_.poll_one() != 0 && std::chrono::steady_clock::now() - started < between_pieces) {
    }
}

// Within bounds of bytes and time.
void Shard::serve_ready() {
    const auto longest = unsent_ ? between_pieces : longest_turn;
    const auto started = std::chrono::steady_clock::now();
    poller_.collect();
    int served = 0;
    while (auto* const watched = poller_.next()) {
        watched->on_ready();
        flush_if_gathered();
        if (++served % 4 == 0 && std::chrono::steady_clock::now() - started > longest) break;
    }
}

void Shard::receive(const Delivery& delivery) {
    ++notified_;
    hub_.deliver(delivery);
    flush_if_gathered();
}

void Shard::flush_if_gathered() {
    if (hub_.has_gathered_enough()) hub_.flush();
}

void Shard::start_websocket(Stream stream, Upgrade upgrade) {
    sessions_.now = std::chrono::steady_clock::now();
    const auto unix_now = std::time(nullptr);
    auto channel_id = upgrade.channel_id.empty() ? random_id(unix_now) : upgrade.channel_id;
    const auto number = ++last_number_;
    auto websocket = std::make_shared<WebsocketConnection>(
        *this, std::move(stream), number, random_id(unix_now), std::move(channel_id),
        upgrade.identity, upgrade.deflate_window, std::move(upgrade.ticket));
    websockets_.emplace(number, websocket);
    if (upgrade.channel_id.empty()) websocket->own_channel();
    websocket->start(upgrade.response_head, {upgrade.leftover.data(), upgrade.leftover.size()});
    arm_timer();
    if (services_.draining) websocket->drain();
}

void Shard::remove(WebsocketConnection& websocket) {
    // Not here and now: the object may be the one that is running.
    boost::asio::post(io_, [this, number = websocket.number()] { websockets_.erase(number); });
}

void Shard::answer_walker(std::uint64_t number, std::string_view reply,
                          std::optional<ReplyError> error) {
    --walkers_in_flight_;
    if (const auto found = websockets_.find(number); found != websockets_.end()) {
        sessions_.now = std::chrono::steady_clock::now();
        found->second->answer_walker(reply, error);
        flush_if_gathered();
    }
}

void Shard::answer_token(std::uint64_t number, std::uint64_t check, const TokenAnswer& answer) {
    if (const auto found = websockets_.find(number); found != websockets_.end()) {
        sessions_.now = std::chrono::steady_clock::now();
        found->second->answer_token(check, answer);
        arm_timer();
    }
}

void Shard::answer_policy(std::uint64_t number, std::uint64_t question,
                          std::optional<bool> allowed) {
    if (const auto found = websockets_.find(number); found != websockets_.end()) {
        sessions_.now = std::chrono::steady_clock::now();
        found->second->answer_policy(question, allowed);
        arm_timer();
        flush_if_gathered();
    }
}

void Shard::revoke(const Revocation& revocation, std::uint64_t count) {
    sessions_.now = std::chrono::steady_clock::now();
    sessions_.policy.forget(revocation.user_id);
    hub_.revoke(revocation, count);
}

// --- time

void Shard::wake_at(std::uint64_t number, TimePoint due) {
    wheel_.skip_to(sessions_.now);
    wheel_.add(number, due);
    arm_timer();
}

void Shard::arm_timer() {
    if (timer_armed_ || (wheel_.empty() && hub_.tokens().empty())) return;
    timer_armed_ = true;
    timer_.expires_after(TimerWheel::tick);
    timer_.async_wait([this](const boost::system::error_code& error) {
        timer_armed_ = false;
        if (!error) on_timer();
    });
}

void Shard::on_timer() {
    sessions_.now = std::chrono::steady_clock::now();
    wheel_.advance(sessions_.now, [this](const TimerWheel::Entry& entry) {
        const auto found = websockets_.find(entry.number);
        if (found != websockets_.end()) found->second->on_wheel(entry.due);
    });
    expire_tokens();
    arm_timer();
}

// By the wall clock, which tokens are issued by: where it is put forward or back, they follow.
void Shard::expire_tokens() {
    constexpr std::chrono::seconds between{1};
    if (hub_.tokens().empty() || sessions_.now < expired_at_ + between) return;
    expired_at_ = sessions_.now;
    hub_.expire(std::time(nullptr));
}

// --- the end

void Shard::drain_connections() {
    for (Connection* const connection : snapshot()) connection->drain();
    in_batches(websocket_numbers(), &WebsocketConnection::drain);
    goodbye_.expires_after(services_.longest_goodbye);
    goodbye_.async_wait([this](const boost::system::error_code& error) {
        if (!error) in_batches(websocket_numbers(), &WebsocketConnection::finish);
    });
}

void Shard::finish_connections() {
    in_batches(websocket_numbers(), &WebsocketConnection::finish);
    for (Connection* const connection : snapshot()) connection->finish();
}

// Some in each turn: the others' frames leave between them.
void Shard::in_batches(std::vector<std::uint64_t> numbers, void (WebsocketConnection::*act)()) {
    constexpr std::size_t batch = 256;
    sessions_.now = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < batch && !numbers.empty(); ++i) {
        const auto found = websockets_.find(numbers.back());
        numbers.pop_back();
        if (found != websockets_.end()) ((*found->second).*act)();
    }
    if (numbers.empty()) return;
    boost::asio::post(io_, [this, act, numbers = std::move(numbers)]() mutable {
        in_batches(std::move(numbers), act);
    });
}

std::vector<std::uint64_t> Shard::websocket_numbers() const {
    std::vector<std::uint64_t> numbers;
    numbers.reserve(websockets_.size());
    for (const auto& [number, websocket] : websockets_) numbers.push_back(number);
    return numbers;
}

void Shard::abort_connections() {
    std::vector<std::shared_ptr<WebsocketConnection>> websockets;
    websockets.reserve(websockets_.size());
    for (const auto& [number, websocket] : websockets_) websockets.push_back(websocket);
    for (const auto& websocket : websockets) websocket->abort();
    for (Connection* const connection : snapshot()) connection->abort();
}

// A connection that ends leaves the set.
std::vector<Connection*> Shard::snapshot() const {
    return {connections_.begin(), connections_.end()};
}

}  // namespace jac::cloud
