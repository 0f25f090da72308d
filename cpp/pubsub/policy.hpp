#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/config.hpp"
#include "base/counters.hpp"
#include "base/identity.hpp"
#include "base/log.hpp"
#include "base/reply_error.hpp"
#include "pubsub/targets.hpp"
#include "pubsub/work.hpp"

namespace jac::cloud {

// The app's own say in who may join a channel and who may send to whom: a walker of the app that is
// asked, and its answers, kept for a while.

enum class PolicyAction : std::uint8_t { join, send };

// `unavailable`: it was asked and gave no answer in time.
enum class Verdict : std::uint8_t { allowed, refused, unavailable };

// How a client is told of one that is not `allowed`.
ReplyError reply_error_of(Verdict verdict);

// May this user do it, to all of these targets?
struct PolicyQuestion {
    Identity identity;
    PolicyAction action = PolicyAction::join;
    TargetKind kind = TargetKind::channel;
    std::vector<std::string> targets;  // users by their roots, in the form of format_node_id()
    std::uint64_t number = 0;          // no other of its shard has it
    std::uint64_t forgets = 0;         // how often answers had been forgotten when it was made

    // The walker's fields, as the JSON text of an object.
    std::string fields() const;
};

// Answers by user, action and target, each for `lifetime`, `most` of them: then the one that was
// used longest ago goes. One thread's own.
class PolicyAnswers {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;

    PolicyAnswers(std::size_t most, std::chrono::nanoseconds lifetime)
        : most_(most), lifetime_(lifetime) {}

    std::optional<bool> find(const Identity& identity, PolicyAction action, TargetKind kind,
                             std::string_view target, TimePoint now);
    // Keeps nothing where answers have been forgotten since it was asked.
    void keep(const PolicyQuestion& question, bool allowed, TimePoint now);
    // All of the user's. `user_id` as in the claims of the user's tokens.
    void forget(std::string_view user_id);

    std::uint64_t forgets() const noexcept { return forgets_; }
    std::size_t size() const noexcept { return answers_.size(); }

  private:
    template <class Text>
    struct BasicKey {
        Text user;
        Text target;
        PolicyAction action;
        TargetKind kind;
    };
    using Key = BasicKey<std::string>;
    using KeyView = BasicKey<std::string_view>;
    struct Less {
        using is_transparent = void;
        bool operator()(const auto& left, const auto& right) const;
    };
    struct Answer;
    using Answers = std::map<Key, Answer, Less>;
    struct Answer {
        bool allowed;
        TimePoint until;
        std::list<Answers::iterator>::iterator use;
    };

    void drop(Answers::iterator answer);

    const std::size_t most_;
    const std::chrono::nanoseconds lifetime_;
    Answers answers_;
    std::list<Answers::iterator> uses_;  // the latest in front
    std::uint64_t forgets_ = 0;
};

// One shard's policy. Allows everything until a walker is set. One thread's own, but for the
// counters.
class Policy {
  public:
    using TimePoint = PolicyAnswers::TimePoint;
    using Considered = std::variant<Verdict, PolicyQuestion>;

    explicit Policy(const Config& config);

    // Before the first question. One that `wants_user` refuses the public user unasked. `log` is
    // told of refusals and failures.
    void set_walker(std::string walker, bool wants_user, LogSink& log);
    bool on() const noexcept { return !walker_.empty(); }

    // What is known already, or else what has to be asked.
    Considered may_join(const Identity& identity, std::string_view channel_id, TimePoint now);
    Considered may_send(const Identity& identity, const Targets& targets, TimePoint now);

    // Asks it. Answered through `decided`, from any thread.
    WalkerJob ask(const PolicyQuestion& question, WalkerJob::Decided decided) const;
    // What follows from the answer; none: the walker failed, or its time was up.
    Verdict settle(const PolicyQuestion& question, std::optional<bool> answer, TimePoint now);

    // The user's tokens may have been taken back, or a session of the user's has another user.
    void forget(const Identity& identity);
    void forget(std::string_view user_id) { answers_.forget(user_id); }

    // Read by any thread.
    const PolicyCounters& counters() const noexcept { return counters_; }

  private:
    Considered consider(const Identity& identity, PolicyAction action, TargetKind kind,
                        std::span<const std::string> targets, TimePoint now);
    Verdict told(Verdict verdict, const PolicyQuestion& question, TimePoint now);

    // A line of the log for each kind of refusal a second, not for each refusal.
    struct Said {
        TimePoint at{};
        std::uint64_t unsaid = 0;
    };

    LogSink* log_ = nullptr;  // there is one where there is a walker
    std::string walker_;
    bool wants_user_ = false;
    PolicyAnswers answers_;
    PolicyCounters counters_;
    std::uint64_t last_number_ = 0;
    std::array<Said, 2> said_;
};

}  // namespace jac::cloud
