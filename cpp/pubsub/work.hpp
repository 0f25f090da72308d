#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/identity.hpp"
#include "base/reply_error.hpp"
#include "protocol/reply.hpp"
#include "pubsub/origin.hpp"

namespace jac::cloud {

// What a session asks of the interpreter's side.

// A walker to be run for a session. Answered once, from any thread; one that is dropped unanswered
// counts as failed. Move-only.
class WalkerJob {
  public:
    struct Request {
        std::string walker;
        std::string context;  // JSON text of an object
        std::optional<std::string> node;
        std::string id;  // JSON text, empty: none
        bool response = false;
        Identity identity;
        Origin origin;
    };
    // Runs on the answering thread with the reply to send, empty for none, and why it failed: it
    // posts to the shard and returns.
    using Done = std::function<void(std::string reply, std::optional<ReplyError> error)>;

    // The same for a walker that decides something: true when all that it reported is one true,
    // nullopt when it failed.
    using Decided = std::function<void(std::optional<bool>)>;

    WalkerJob(Request request, Done done) : request_(std::move(request)), done_(std::move(done)) {}
    WalkerJob(Request request, Decided decided)
        : request_(std::move(request)), decided_(std::move(decided)) {}
    WalkerJob(WalkerJob&& other) noexcept
        : request_(std::move(other.request_)),
          done_(std::exchange(other.done_, nullptr)),
          decided_(std::exchange(other.decided_, nullptr)) {}
    WalkerJob& operator=(WalkerJob&&) = delete;
    ~WalkerJob();

    const Request& request() const noexcept { return request_; }

    // The walker's unit of work is committed.
    void finish(const WalkerAnswer& answer);
    // Nothing was committed. `error_json` is JSON text; empty: the error's own sentence.
    void fail(ReplyError error, std::string_view error_json,
              const std::optional<std::string>& ref = std::nullopt);

  private:
    void answer(std::string reply, std::optional<ReplyError> error = std::nullopt);
    void decide(std::optional<bool> answer);

    Request request_;
    Done done_;
    Decided decided_;
};

// Why nobody is known by a token: it is not good, or nobody could be asked.
enum class TokenProblem { invalid, unchecked };
using TokenAnswer = std::variant<Identity, TokenProblem>;

// A token to be checked, of a handshake or a change_user event. Answered once, from any thread; one
// that is dropped unanswered counts as unchecked. Move-only.
class TokenCheck {
  public:
    // `done` runs on the answering thread: it posts to the shard and returns.
    using Done = std::function<void(TokenAnswer)>;

    using TimePoint = std::chrono::steady_clock::time_point;

    // `revocations` is how many there have been so far. Nobody waits for an answer after `due`.
    TokenCheck(std::string token, std::uint64_t revocations, TimePoint due, Done done)
        : token_(std::move(token)), revocations_(revocations), due_(due), done_(std::move(done)) {}
    TokenCheck(TokenCheck&& other) noexcept
        : token_(std::move(other.token_)),
          revocations_(other.revocations_),
          due_(other.due_),
          done_(std::exchange(other.done_, nullptr)) {}
    TokenCheck& operator=(TokenCheck&&) = delete;
    ~TokenCheck() { answer(TokenProblem::unchecked); }

    const std::string& token() const noexcept { return token_; }
    std::uint64_t revocations() const noexcept { return revocations_; }
    bool overdue() const { return std::chrono::steady_clock::now() >= due_; }

    void answer(TokenAnswer whose) {
        if (auto done = std::exchange(done_, nullptr)) done(std::move(whose));
    }

  private:
    std::string token_;
    std::uint64_t revocations_;
    TimePoint due_;
    Done done_;
};

}  // namespace jac::cloud
