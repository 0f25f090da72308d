#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "base/config.hpp"
#include "base/counters.hpp"
#include "base/limits.hpp"
#include "deflate/inflater.hpp"
#include "protocol/client_event.hpp"
#include "protocol/frame_parser.hpp"
#include "pubsub/broker.hpp"
#include "pubsub/hub.hpp"
#include "pubsub/policy.hpp"
#include "pubsub/subscriber.hpp"
#include "pubsub/work.hpp"

namespace jac::cloud {

using TimePoint = std::chrono::steady_clock::time_point;

// The walkers that list websocket, and whether each wants a user.
using WalkerTable = std::unordered_map<std::string, bool, StringHash, std::equal_to<>>;

// What the sessions of a shard share. One thread's own, but for what is thread-safe by itself.
struct SessionContext {
    const Config& config;
    Limits& limits;
    LocalBroker& broker;
    Hub& hub;
    std::shared_ptr<ShardPort> port;
    unsigned shard;
    EventReader reader;
    std::shared_ptr<const WalkerTable> walkers;
    ShardCounters counters;
    Inflater inflater;
    TimePoint now;  // set by the shard before it calls a session
    // For the event that is being acted on, kept for their memory.
    Targets targets{};
    std::string text{};
    Policy policy{config};
};

// One WebSocket's life, without its socket: takes the bytes that came, acts on the events in them
// strictly in their order, and leaves what is to be sent in the outbox. A running walker (or a
// check of a token, or a question to the policy) holds back what came after it.
class Session : public Subscriber, private FrameHandler {
  public:
    Session(SessionContext& context, std::uint64_t number, std::string client_id,
            std::string channel_id, const Identity& identity, int deflate_window = 0);
    ~Session() override;

    // Its channel is not one that the client has named. Before it is opened.
    void own_channel() noexcept { owns_channel_ = true; }

    // Joins the hub; queues the upgrade's response and the connection frame.
    void open(std::string_view response_head);
    // Bytes from the socket; unmasked in place.
    void receive(std::span<char> bytes);
    // The socket ended, or is being closed by its owner. Whole events that came before still take
    // effect.
    void lost();
    // Says goodbye with this code, if it has not yet.
    void close(CloseCode code);
    void lose_identity() override;
    // The server takes no new events: says goodbye once the one that runs has been answered.
    void drain();

    // False: do not read for now, too much is held back.
    bool reading() const noexcept { return !paused_ || phase_ != Phase::open; }
    // Nothing more will be queued: close the socket when the outbox is empty.
    bool ended() const noexcept { return phase_ == Phase::ended; }
    // Nothing the peer sends matters any more: say so with the socket's half-close once the outbox
    // is empty, and wait for its end.
    bool deaf() const noexcept { return deaf_; }
    // Work is out whose answer will come; the object must live until then.
    bool busy() const noexcept { return busy_; }

    // When on_deadline() wants to be called next; TimePoint::max() for never.
    TimePoint deadline() const noexcept;
    void on_deadline();

    // The answers to submit_*, on the shard's thread.
    void walker_done(std::string_view reply, std::optional<ReplyError> error = std::nullopt);
    // Those two with the number of what was asked: one that comes too late is ignored.
    void token_checked(std::uint64_t number, const TokenAnswer& answer);
    // None: the policy failed.
    void policy_decided(std::uint64_t number, std::optional<bool> allowed);

  protected:
    SessionContext& context() noexcept { return context_; }

    // Hands work on; the answer comes through walker_done, token_checked or policy_decided, never
    // from within.
    virtual void submit_walker(WalkerJob::Request request) = 0;
    virtual void submit_token(std::string token, std::uint64_t number) = 0;
    virtual void submit_question(const PolicyQuestion& question) = 0;
    // reading(), deadline() or ended() may have changed.
    virtual void changed() = 0;

    // Called by the owner's flush() first: a receiver that could not keep up is told so.
    void end_if_overflowed();

  private:
    enum class Phase : std::uint8_t { open, closing, ended };

    struct Held {
        std::string message;
        bool known_utf8;
    };

    struct ChangeOfUser {
        Identity identity;
        std::string id;                   // of its event
        std::optional<ReplyError> error;  // what its client is told first
    };

    // The change_user whose token is being checked, and until when.
    struct Checking {
        std::uint64_t number;
        std::string id;  // of its event
        TimePoint due;
    };

    // A channel of the client's choice, which the policy is asked about again and again: `question`
    // is out until `due`, or is due then.
    struct Membership {
        std::optional<PolicyQuestion> question;
        TimePoint due;
    };

    // What waits for the policy, and until when.
    struct Asking {
        PolicyQuestion question;
        TimePoint due;
        std::variant<Held, ChangeOfUser> then;
    };

    void on_message(Opcode opcode, std::string_view payload) override;
    void on_fragment(std::size_t bytes) override;
    void on_ping(std::string_view payload) override;
    void on_pong(std::string_view payload) override;
    void on_close(CloseCode code) override;

    void reached(Limit limit);
    void listen_no_more();
    bool charge();
    void refuse_over_rate(std::string_view message, bool known_utf8);
    void hold(std::string_view message, bool known_utf8);
    void resume();
    void act(std::string_view message, bool known_utf8);
    void act_publish(const ClientEvent& event, std::string_view message, bool known_utf8);
    void act_walker(const ClientEvent& event);
    void act_change_user(const ClientEvent& event);
    bool may_publish(const ClientEvent& event) const;
    void publish(const ClientEvent& event, const Targets& targets);
    const Targets& targets_of(const ClientEvent& event);
    void ask_policy(PolicyQuestion question, std::variant<Held, ChangeOfUser> then);
    void finish_publish(const Held& held, Verdict verdict);
    void change_user(const ChangeOfUser& change);
    void finish_change(const ChangeOfUser& change, Verdict verdict);
    bool speaks_for_nobody() const;
    void begin_membership();
    void check_membership();
    void finish_membership(Verdict verdict);
    void leave_channel();
    void reply(std::string_view text);
    void reply_error(ReplyError error, const ClientEvent& event);
    void count(EventType type, std::optional<ReplyError> error = std::nullopt);
    void count_unread(ReplyError error, std::string_view type);
    void reply_connection(std::string_view id);
    void start_pong_clock();
    void start_message_clock();

    static constexpr std::chrono::seconds close_timeout{5};
    // Fragments shorter than this count as messages, or they would be a way around message_rate.
    static constexpr std::size_t short_fragment_bytes = 126;

    SessionContext& context_;
    FrameParser parser_;
    std::unique_ptr<std::deque<Held>> held_;  // most sessions never need it
    std::size_t held_bytes_ = 0;
    std::unique_ptr<Asking> asking_;
    std::unique_ptr<Checking> checking_;
    std::unique_ptr<Membership> membership_;  // none where nobody is asked
    double tokens_;                           // of the rate limit's bucket
    TimePoint refilled_at_;
    TimePoint ping_at_ = TimePoint::max();
    TimePoint pong_due_ = TimePoint::max();
    TimePoint message_due_ = TimePoint::max();
    TimePoint close_due_ = TimePoint::max();
    Phase phase_ = Phase::open;
    bool busy_ = false;  // a walker, a token check or a question of this session runs
    bool paused_ = false;
    bool draining_ = false;
    bool deaf_ = false;
    bool owns_channel_ = false;
    bool identity_lost_ = false;
    bool pong_expected_ = false;
    std::uint32_t checks_ = 0;  // of tokens, begun
};

}  // namespace jac::cloud
