#include "pubsub/policy.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "protocol/json_scanner.hpp"

namespace jac::cloud {

namespace {

// The longest channel that can be joined. A longer target is nobody's, and not worth its memory.
constexpr std::size_t longest_kept = 255;

std::string_view to_string(PolicyAction action) {
    return action == PolicyAction::join ? "join" : "send";
}

std::string_view to_string(TargetKind kind) {
    switch (kind) {
        case TargetKind::client:
            return "client";
        case TargetKind::user:
            return "user";
        case TargetKind::channel:
            return "channel";
    }
    return "channel";
}

// Whose answers they are: a user's id, empty for everyone without a token. `made` holds the one of
// a user whose token is not watched.
std::string_view user_of(const Identity& identity, std::string& made) {
    if (identity.claims) return identity.claims->user_id;
    if (identity.authenticated) made = to_hex(identity.root);
    return made;
}

}  // namespace

ReplyError reply_error_of(Verdict verdict) {
    return verdict == Verdict::refused ? ReplyError::forbidden : ReplyError::unavailable;
}

std::string PolicyQuestion::fields() const {
    std::string json = R"({"action":)";
    append_json_string(json, to_string(action));
    json += R"(,"kind":)";
    append_json_string(json, to_string(kind));
    json += R"(,"targets":)";
    char before = '[';
    for (const auto& target : targets) {
        json += std::exchange(before, ',');
        append_json_string(json, target);
    }
    json += "]}";
    return json;
}

// --- answers

bool PolicyAnswers::Less::operator()(const auto& left, const auto& right) const {
    const auto tied = [](const auto& key) {
        return std::make_tuple(std::string_view(key.user), std::string_view(key.target), key.action,
                               key.kind);
    };
    return tied(left) < tied(right);
}

std::optional<bool> PolicyAnswers::find(const Identity& identity, PolicyAction action,
                                        TargetKind kind, std::string_view target, TimePoint now) {
    std::string made;
    const auto found = answers_.find(KeyView{user_of(identity, made), target, action, kind});
    if (found == answers_.end()) return std::nullopt;
    if (now >= found->second.until) {
        drop(found);
        return std::nullopt;
    }
    uses_.splice(uses_.begin(), uses_, found->second.use);
    return found->second.allowed;
}

void PolicyAnswers::keep(const PolicyQuestion& question, bool allowed, TimePoint now) {
    if (lifetime_.count() == 0 || question.forgets != forgets_) return;
    // Which of several was refused is not said.
    if (!allowed && question.targets.size() > 1) return;
    std::string made;
    const std::string user(user_of(question.identity, made));
    for (const auto& target : question.targets) {
        if (target.size() > longest_kept) continue;
        const auto [at, is_new] = answers_.try_emplace(
            Key{user, target, question.action, question.kind}, Answer{allowed, {}, {}});
        at->second.allowed = allowed;
        at->second.until = now + lifetime_;
        if (!is_new) uses_.erase(at->second.use);
        at->second.use = uses_.insert(uses_.begin(), at);
        if (answers_.size() > most_) drop(uses_.back());
    }
}

void PolicyAnswers::forget(std::string_view user_id) {
    ++forgets_;
    auto at = answers_.lower_bound(
        KeyView{user_id, std::string_view(), PolicyAction::join, TargetKind::client});
    while (at != answers_.end() && at->first.user == user_id) drop(at++);
}

void PolicyAnswers::drop(Answers::iterator answer) {
    uses_.erase(answer->second.use);
    answers_.erase(answer);
}

// --- the policy

Policy::Policy(const Config& config)
    : answers_(config.client_events_policy_answers, to_duration(config.client_events_policy_ttl)) {}

void Policy::set_walker(std::string walker, bool wants_user, LogSink& log) {
    log_ = &log;
    walker_ = std::move(walker);
    wants_user_ = wants_user;
}

Policy::Considered Policy::may_join(const Identity& identity, std::string_view channel_id,
                                    TimePoint now) {
    if (!on()) return Verdict::allowed;
    const std::array targets{std::string(channel_id)};
    return consider(identity, PolicyAction::join, TargetKind::channel, targets, now);
}

Policy::Considered Policy::may_send(const Identity& identity, const Targets& targets,
                                    TimePoint now) {
    if (!on()) return Verdict::allowed;
    if (targets.kind() != TargetKind::user) {
        return consider(identity, PolicyAction::send, targets.kind(), targets.names(), now);
    }
    // In one spelling, so that none gets around what the policy says of another.
    std::vector<std::string> roots;
    std::ranges::transform(targets.roots(), std::back_inserter(roots), format_node_id);
    return consider(identity, PolicyAction::send, TargetKind::user, roots, now);
}

Policy::Considered Policy::consider(const Identity& identity, PolicyAction action, TargetKind kind,
                                    std::span<const std::string> targets, TimePoint now) {
    PolicyQuestion question{identity, action, kind, {}, 0, answers_.forgets()};
    if (wants_user_ && !identity.authenticated) {
        question.targets.assign(targets.begin(), targets.end());
        return told(Verdict::refused, question, now);
    }
    for (const auto& target : targets) {
        const auto known = answers_.find(identity, action, kind, target, now);
        if (known && !*known) {
            question.targets = {target};
            return told(Verdict::refused, question, now);
        }
        if (!known) question.targets.push_back(target);
    }
    if (question.targets.empty()) return told(Verdict::allowed, question, now);
    question.number = ++last_number_;
    return question;
}

WalkerJob Policy::ask(const PolicyQuestion& question, WalkerJob::Decided decided) const {
    return {{.walker = walker_,
             .context = question.fields(),
             .node = std::nullopt,
             .id = {},
             .response = true,
             .identity = question.identity,
             .origin = {}},
            std::move(decided)};
}

Verdict Policy::settle(const PolicyQuestion& question, std::optional<bool> answer, TimePoint now) {
    counters_.questions.add();
    if (!answer) return told(Verdict::unavailable, question, now);
    answers_.keep(question, *answer, now);
    return told(*answer ? Verdict::allowed : Verdict::refused, question, now);
}

void Policy::forget(const Identity& identity) {
    if (!on() || !identity.authenticated) return;
    std::string made;
    answers_.forget(user_of(identity, made));
}

Verdict Policy::told(Verdict verdict, const PolicyQuestion& question, TimePoint now) {
    if (verdict == Verdict::allowed) {
        counters_.allowed.add();
        return verdict;
    }
    const bool failed = verdict == Verdict::unavailable;
    (failed ? counters_.failed : counters_.refused).add();
    auto& said = said_[failed ? 1 : 0];
    constexpr std::chrono::seconds between{1};
    if (now < said.at + between) {
        ++said.unsaid;
        return verdict;
    }
    said.at = now;
    log_->write(failed ? LogLevel::warning : LogLevel::info,
                failed ? "policy_failed" : "policy_refused",
                {{"root", format_node_id(question.identity.root)},
                 {"action", std::string(to_string(question.action))},
                 {"kind", std::string(to_string(question.kind))},
                 {"target",
                  question.targets.empty() ? "" : question.targets.front().substr(0, longest_kept)},
                 {"targets", std::to_string(question.targets.size())},
                 {"more_before", std::to_string(std::exchange(said.unsaid, 0))},
                 {"setting", "client_events_policy"}});
    return verdict;
}

}  // namespace jac::cloud
