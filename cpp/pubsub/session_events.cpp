// What a session does with the events of its client, and what it answers.
#include "pubsub/session.hpp"

#include <algorithm>

#include "protocol/reply.hpp"

namespace jac::cloud {

namespace {

TargetKind target_kind(EventType type) {
    switch (type) {
        case EventType::user:
            return TargetKind::user;
        case EventType::channel:
            return TargetKind::channel;
        default:
            return TargetKind::client;
    }
}

}  // namespace

void Session::act(std::string_view message, bool known_utf8) {
    const ClientEvent* const event = context_.reader.read(message, known_utf8);
    if (event == nullptr) {
        const auto& problem = context_.reader.problem();
        count_unread(problem.error, problem.type);
        if (problem.limit) reached(*problem.limit);
        reply(error_reply(problem));
        return;
    }
    switch (event->type) {
        case EventType::walker:
            act_walker(*event);
            break;
        case EventType::user:
        case EventType::channel:
        case EventType::client:
            act_publish(*event, message, known_utf8);
            break;
        case EventType::change_user:
            act_change_user(*event);
            break;
        case EventType::connection:
            count(event->type);
            reply_connection(event->id);
            break;
    }
}

bool Session::may_publish(const ClientEvent& event) const {
    switch (context_.config.client_events) {
        case ClientEvents::anyone:
            return true;
        case ClientEvents::authenticated:
            return identity().authenticated;
        case ClientEvents::members:
            if (event.type != EventType::channel) return identity().authenticated;
            return std::ranges::all_of(event.targets,
                                       [this](auto name) { return name == channel_id(); });
        case ClientEvents::nobody:
            return false;
    }
    return false;
}

const Targets& Session::targets_of(const ClientEvent& event) {
    context_.targets.assign(target_kind(event.type), event.targets);
    return context_.targets;
}

void Session::act_publish(const ClientEvent& event, std::string_view message, bool known_utf8) {
    if (!may_publish(event)) {
        reply_error(ReplyError::forbidden, event);
        return;
    }
    const Targets& targets = targets_of(event);
    if (!context_.policy.on()) return publish(event, targets);
    auto considered = context_.policy.may_send(identity(), targets, context_.now);
    if (const auto* verdict = std::get_if<Verdict>(&considered)) {
        if (*verdict == Verdict::allowed) {
            publish(event, targets);
        } else {
            reply_error(reply_error_of(*verdict), event);
        }
        return;
    }
    ask_policy(std::move(std::get<PolicyQuestion>(considered)),
               Held{std::string(message), known_utf8});
}

void Session::publish(const ClientEvent& event, const Targets& targets) {
    count(event.type);
    context_.hub.publish(targets, event.data);
    context_.broker.publish_elsewhere(targets, event.data, context_.shard);
    if (event.id.empty()) return;
    context_.text.clear();
    append_ack_reply(context_.text, event.id);
    reply(context_.text);
}

void Session::act_walker(const ClientEvent& event) {
    const auto walker = context_.walkers->find(event.walker);
    if (walker == context_.walkers->end()) {
        reply_error(ReplyError::unknown_walker, event);
        return;
    }
    const bool wants_user = walker->second;
    if (wants_user && !identity().authenticated) {
        reply_error(ReplyError::unauthenticated, event);
        return;
    }
    busy_ = true;
    submit_walker({.walker = std::string(event.walker),
                   .context = std::string(event.context),
                   .node = event.node ? std::optional<std::string>(*event.node) : std::nullopt,
                   .id = std::string(event.id),
                   .response = event.response,
                   .identity = identity(),
                   .origin = {context_.port, number(), generation(), shared_generation()}});
}

void Session::walker_done(std::string_view text, std::optional<ReplyError> error) {
    count(EventType::walker, error);
    if (!text.empty()) reply(text);
    resume();
}

void Session::act_change_user(const ClientEvent& event) {
    if (!event.token) {
        const ChangeOfUser change{Identity{}, std::string(event.id), std::nullopt};
        change_user(change);
        return;
    }
    busy_ = true;
    checking_ = std::make_unique<Checking>(
        Checking{++checks_, std::string(event.id),
                 context_.now + to_duration(context_.config.handshake_timeout)});
    submit_token(std::string(*event.token), checking_->number);
}

void Session::token_checked(std::uint64_t number, const TokenAnswer& answer) {
    if (!checking_ || checking_->number != number) return;  // its time was up
    std::string id = std::move(checking_->id);
    checking_.reset();
    if (const auto* identity = std::get_if<Identity>(&answer)) {
        change_user({*identity, std::move(id), std::nullopt});
    } else if (std::get<TokenProblem>(answer) == TokenProblem::invalid) {
        change_user({{}, std::move(id), ReplyError::invalid_token});
    } else {
        // Nothing is known against the user of before.
        count(EventType::change_user, ReplyError::unavailable);
        reply(error_reply(ReplyError::unavailable, to_string(EventType::change_user), id));
    }
    if (asking_) {
        changed();
    } else {
        resume();
    }
}

// --- replies

void Session::reply(std::string_view text) {
    if (phase_ == Phase::open) context_.hub.send(*this, Opcode::text, text);
}

void Session::reply_error(ReplyError error, const ClientEvent& event) {
    count(event.type, error);
    reply(error_reply(error, to_string(event.type), event.id, event.walker));
}

void Session::count(EventType type, std::optional<ReplyError> error) {
    context_.counters.events.add(static_cast<std::size_t>(type), error);
}

// Of an event that could not be read to its end: its type may be known all the same.
void Session::count_unread(ReplyError error, std::string_view type) {
    std::size_t number = 0;
    while (number < EventCounters::types && to_string(static_cast<EventType>(number)) != type) {
        ++number;
    }
    context_.counters.events.add(number, error);
}

void Session::reply_connection(std::string_view id) {
    reply(connection_reply(client_id(), identity().root, channel_id(), id));
}

}  // namespace jac::cloud
