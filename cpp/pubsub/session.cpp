// A session's life: from its opening to its end, its limits and its clocks.
#include "pubsub/session.hpp"

#include <algorithm>

#include "protocol/reply.hpp"

namespace jac::cloud {

Session::Session(SessionContext& context, std::uint64_t number, std::string client_id,
                 std::string channel_id, const Identity& identity, int deflate_window)
    : Subscriber(number, std::move(client_id), std::move(channel_id), identity,
                 context.config.outbox_bytes, deflate_window),
      context_(context),
      parser_(context.config.max_message_bytes, deflate_window == 0 ? nullptr : &context.inflater),
      tokens_(context.config.message_burst),
      refilled_at_(context.now) {}

Session::~Session() {
    lost();
    context_.hub.forget(*this);
}

void Session::open(std::string_view response_head) {
    context_.hub.join(*this);
    context_.counters.sessions.add();
    context_.counters.sessions_opened.add();
    context_.hub.send_bytes(*this, response_head);
    if (context_.hub.tokens().revoked_meanwhile(identity())) {
        lose_identity();
        return;
    }
    reply_connection({});
    begin_membership();
    if (context_.config.ping_interval > 0) {
        ping_at_ = context_.now + to_duration(context_.config.ping_interval);
    }
}

void Session::receive(std::span<char> bytes) {
    // Whatever arrives shows that the peer lives.
    pong_due_ = TimePoint::max();
    if (const auto violation = parser_.feed(bytes, *this)) {
        if (*violation == CloseCode::message_too_big) reached(Limit::max_message_bytes);
        listen_no_more();
        close(*violation);
    }
    if (phase_ != Phase::open || !parser_.inside_message()) {
        message_due_ = TimePoint::max();
    } else if (message_due_ == TimePoint::max()) {
        start_message_clock();
    }
}

void Session::lost() {
    if (joined()) {
        context_.hub.leave(*this);
        context_.counters.sessions.subtract();
    }
    phase_ = Phase::ended;
    parser_.stop();
    outbox().clear();
    ping_at_ = pong_due_ = message_due_ = close_due_ = TimePoint::max();
    membership_.reset();
}

void Session::close(CloseCode code) {
    if (phase_ != Phase::open) return;
    if (joined()) {
        context_.hub.leave(*this);
        context_.counters.sessions.subtract();
    }
    phase_ = Phase::closing;
    ping_at_ = pong_due_ = message_due_ = TimePoint::max();
    membership_.reset();
    close_due_ = context_.now + close_timeout;
    context_.hub.send_final(*this, Opcode::close, close_payload(code));
    changed();
}

void Session::drain() {
    draining_ = true;
    if (!busy_) close(CloseCode::going_away);
}

void Session::lose_identity() {
    if (phase_ != Phase::open) return;
    context_.counters.identities_lost.add();
    context_.policy.forget(identity());
    identity_lost_ = true;
    close(CloseCode::token_revoked);
}

void Session::end_if_overflowed() {
    if (!overflowed() || phase_ != Phase::open) return;
    context_.counters.slow_consumers.add();
    reached(Limit::outbox_bytes);
    close(CloseCode::slow_consumer);
}

// --- what the parser finds

void Session::on_message(Opcode opcode, std::string_view payload) {
    message_due_ = TimePoint::max();
    if (phase_ != Phase::open || draining_) return;
    const bool known_utf8 = opcode == Opcode::text;
    if (!charge()) {
        refuse_over_rate(payload, known_utf8);
    } else if (busy_) {
        hold(payload, known_utf8);
    } else {
        act(payload, known_utf8);
    }
}

void Session::on_fragment(std::size_t bytes) {
    if (phase_ == Phase::open && bytes < short_fragment_bytes) charge();
}

void Session::on_ping(std::string_view payload) {
    if (phase_ != Phase::open || !charge()) return;
    context_.hub.send(*this, Opcode::pong, payload);
}

// receive() has noted that the peer lives.
void Session::on_pong(std::string_view) {
    if (phase_ == Phase::open && !std::exchange(pong_expected_, false)) charge();
}

void Session::on_close(CloseCode code) {
    if (phase_ == Phase::open) {
        // RFC 6455 section 5.5.1: answered with the same code.
        close(code == CloseCode::no_status ? CloseCode::normal : code);
    }
    phase_ = Phase::ended;
    // Where the goodbye was said before, nothing is left to be sent that would end the socket.
    changed();
}

// --- limits

void Session::reached(Limit limit) {
    context_.limits.reached(limit, "client_id", client_id());
}

// What else comes is not even looked at.
void Session::listen_no_more() {
    parser_.stop();
    deaf_ = true;
}

// Takes one from the bucket of message_rate. Who keeps on sending past an empty one for another
// burst is closed.
bool Session::charge() {
    const Config& config = context_.config;
    if (config.message_rate <= 0) return true;
    const std::chrono::duration<double> passed = context_.now - refilled_at_;
    refilled_at_ = context_.now;
    tokens_ = std::min(config.message_burst, tokens_ + passed.count() * config.message_rate) - 1;
    if (tokens_ >= 0) return true;
    reached(Limit::message_rate);
    if (tokens_ < -config.message_burst) {
        context_.counters.rate_limited.add();
        listen_no_more();
        close(CloseCode::rate_limited);
    }
    return false;
}

void Session::refuse_over_rate(std::string_view message, bool known_utf8) {
    if (phase_ != Phase::open) return;
    if (const ClientEvent* const event = context_.reader.read(message, known_utf8)) {
        reply_error(ReplyError::rate_limited, *event);
    } else {
        const auto& problem = context_.reader.problem();
        count_unread(ReplyError::rate_limited, problem.type);
        reply(error_reply(ReplyError::rate_limited, problem.type, problem.id));
    }
}

void Session::hold(std::string_view message, bool known_utf8) {
    if (!held_) held_ = std::make_unique<std::deque<Held>>();
    held_->push_back({std::string(message), known_utf8});
    held_bytes_ += message.size();
    const bool was_paused = paused_;
    paused_ = held_->size() >= context_.config.held_events ||
              held_bytes_ >= context_.config.max_message_bytes;
    if (paused_ && !was_paused) reached(Limit::held_events);
}

// After a walker, a token check or a question: what was held back, until the next of them.
void Session::resume() {
    busy_ = false;
    if (held_ && speaks_for_nobody()) {
        held_.reset();
        held_bytes_ = 0;
    }
    while (!busy_ && held_ && !draining_) {
        const Held next = std::move(held_->front());
        held_->pop_front();
        held_bytes_ -= next.message.size();
        if (held_->empty()) held_.reset();
        act(next.message, next.known_utf8);
    }
    if (draining_) close(CloseCode::going_away);
    const bool room = !held_ || (held_->size() * 2 <= context_.config.held_events &&
                                 held_bytes_ * 2 <= context_.config.max_message_bytes);
    if (paused_ && room) {
        paused_ = false;
        // Nothing was read, so neither a pong nor the rest of a message could be seen.
        if (pong_due_ != TimePoint::max()) start_pong_clock();
        if (message_due_ != TimePoint::max()) start_message_clock();
    }
    changed();
}

// --- time

TimePoint Session::deadline() const noexcept {
    const auto due = [](const auto& waits) { return waits ? waits->due : TimePoint::max(); };
    return std::min({ping_at_, pong_due_, message_due_, close_due_, due(asking_), due(checking_),
                     due(membership_)});
}

void Session::start_pong_clock() {
    pong_due_ = context_.now + to_duration(context_.config.pong_timeout);
}

void Session::start_message_clock() {
    if (context_.config.message_timeout <= 0) return;
    message_due_ = context_.now + to_duration(context_.config.message_timeout);
}

void Session::on_deadline() {
    const auto now = context_.now;
    if (asking_ && now >= asking_->due) policy_decided(asking_->question.number, std::nullopt);
    if (checking_ && now >= checking_->due) {
        reached(Limit::handshake_timeout);
        token_checked(checking_->number, TokenProblem::unchecked);
    }
    if (membership_ && now >= membership_->due) check_membership();
    if (now >= close_due_) {
        lost();
        changed();
        return;
    }
    if (now >= pong_due_) {
        if (paused_) {
            start_pong_clock();
        } else {
            context_.counters.not_responding.add();
            reached(Limit::pong_timeout);
            close(CloseCode::not_responding);
            return;
        }
    }
    if (now >= message_due_ && paused_) start_message_clock();
    if (now >= message_due_) {
        reached(Limit::message_timeout);
        close(CloseCode::not_responding);
        return;
    }
    if (now >= ping_at_) {
        context_.hub.send(*this, Opcode::ping, {});
        pong_expected_ = true;
        if (pong_due_ == TimePoint::max()) start_pong_clock();
        ping_at_ = now + to_duration(context_.config.ping_interval);
    }
}

}  // namespace jac::cloud
