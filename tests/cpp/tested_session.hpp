#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "pubsub/session.hpp"

namespace jac::cloud {

// What the sessions of a test's shard share. The clock begins at an hour.
inline SessionContext session_context(const Config& config, Limits& limits, LocalBroker& broker,
                                      Hub& hub, std::shared_ptr<ShardPort> port,
                                      WalkerTable walkers = {}, unsigned shard = 0) {
    return {config,
            limits,
            broker,
            hub,
            std::move(port),
            shard,
            EventReader({config.max_json_depth, config.max_targets}),
            std::make_shared<const WalkerTable>(std::move(walkers)),
            {},
            {},
            TimePoint(std::chrono::hours(1))};
}

// A session whose work is handed on to the test.
class TestedSession : public Session {
  public:
    using Session::Session;
    using Session::token_checked;

    // The answer to the check that was asked for last.
    void token_checked(const TokenAnswer& answer) { token_checked(check, answer); }

    std::deque<WalkerJob::Request> walkers;
    std::deque<std::string> tokens;
    std::deque<PolicyQuestion> questions;
    std::uint64_t check = 0;  // the number of the last token's
    int changes = 0;

  private:
    void submit_walker(WalkerJob::Request request) override {
        walkers.push_back(std::move(request));
    }
    void submit_token(std::string token, std::uint64_t number) override {
        tokens.push_back(std::move(token));
        check = number;
    }
    void submit_question(const PolicyQuestion& question) override { questions.push_back(question); }
    void changed() override { ++changes; }
};

}  // namespace jac::cloud
