// What a session does while it waits for the app's policy, and what follows from the answer.
#include <ctime>

#include "protocol/reply.hpp"
#include "pubsub/session.hpp"

namespace jac::cloud {

void Session::ask_policy(PolicyQuestion question, std::variant<Held, ChangeOfUser> then) {
    busy_ = true;
    const auto due = context_.now + to_duration(context_.config.client_events_policy_timeout);
    asking_ = std::make_unique<Asking>(Asking{std::move(question), due, std::move(then)});
    submit_question(asking_->question);
}

void Session::policy_decided(std::uint64_t number, std::optional<bool> allowed) {
    if (membership_ && membership_->question && membership_->question->number == number) {
        const auto asked = std::move(*membership_->question);
        finish_membership(context_.policy.settle(asked, allowed, context_.now));
        changed();
        return;
    }
    if (!asking_ || asking_->question.number != number) return;  // its time was up
    const auto asked = std::move(asking_);
    const auto verdict = context_.policy.settle(asked->question, allowed, context_.now);
    if (const auto* held = std::get_if<Held>(&asked->then)) {
        finish_publish(*held, verdict);
    } else {
        finish_change(std::get<ChangeOfUser>(asked->then), verdict);
    }
    resume();
}

void Session::finish_publish(const Held& held, Verdict verdict) {
    const ClientEvent* const event = context_.reader.read(held.message, held.known_utf8);
    if (event == nullptr || speaks_for_nobody()) return;
    if (verdict != Verdict::allowed) {
        reply_error(reply_error_of(verdict), *event);
        return;
    }
    publish(*event, targets_of(*event));
}

void Session::change_user(const ChangeOfUser& change) {
    // Nobody but this session knows the name of a channel of its own.
    if (owns_channel_) return finish_change(change, Verdict::allowed);
    auto considered = context_.policy.may_join(change.identity, channel_id(), context_.now);
    if (const auto* verdict = std::get_if<Verdict>(&considered)) {
        finish_change(change, *verdict);
    } else {
        ask_policy(std::move(std::get<PolicyQuestion>(considered)), change);
    }
}

void Session::finish_change(const ChangeOfUser& change, Verdict verdict) {
    const bool revoked = context_.hub.tokens().revoked_meanwhile(change.identity);
    auto error = revoked ? ReplyError::invalid_token : change.error;
    context_.policy.forget(identity());
    context_.hub.change_user(*this, revoked ? Identity{} : change.identity);
    // Where the token was taken back meanwhile, nobody has been asked about the public user.
    const bool stays = verdict == Verdict::allowed && !(revoked && context_.policy.on());
    if (!stays && !owns_channel_) {
        leave_channel();
        if (!error) error = reply_error_of(verdict);
    }
    begin_membership();  // of another user: what was asked about the one before does not count
    count(EventType::change_user, error);
    if (error) reply(error_reply(*error, to_string(EventType::change_user), change.id));
    reply_connection(change.id);
}

// --- staying in a channel

void Session::begin_membership() {
    const auto interval = to_duration(context_.config.client_events_policy_recheck);
    membership_.reset();
    if (!context_.policy.on() || owns_channel_ || interval.count() == 0) return;
    membership_ = std::make_unique<Membership>(Membership{std::nullopt, context_.now + interval});
}

void Session::check_membership() {
    if (membership_->question) {
        const auto asked = std::move(*membership_->question);
        return finish_membership(context_.policy.settle(asked, std::nullopt, context_.now));
    }
    auto considered = context_.policy.may_join(identity(), channel_id(), context_.now);
    if (const auto* verdict = std::get_if<Verdict>(&considered)) return finish_membership(*verdict);
    membership_->question = std::move(std::get<PolicyQuestion>(considered));
    membership_->due = context_.now + to_duration(context_.config.client_events_policy_timeout);
    submit_question(*membership_->question);
}

// Without an answer the member stays until the next question: one that fails for a moment would
// empty every channel.
void Session::finish_membership(Verdict verdict) {
    begin_membership();
    if (verdict != Verdict::refused) return;
    leave_channel();
    reply(error_reply(ReplyError::forbidden, "error", {}));
    reply_connection({});
}

// For one of its own, as who names none has.
void Session::leave_channel() {
    context_.hub.change_channel(*this, random_id(std::time(nullptr)));
    owns_channel_ = true;
    membership_.reset();
}

// Once its identity is lost, what a session still holds of it is without effect.
bool Session::speaks_for_nobody() const {
    return identity_lost_ || (!joined() && context_.hub.tokens().revoked_meanwhile(identity()));
}

}  // namespace jac::cloud
