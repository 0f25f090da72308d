#include "pubsub/work.hpp"

namespace jac::cloud {

WalkerJob::~WalkerJob() {
    if (done_ || decided_) fail(ReplyError::walker_failed, {});
}

void WalkerJob::finish(const WalkerAnswer& result) {
    if (decided_) return decide(result.reports == "[true]");
    std::string reply;
    if (request_.response) {
        reply = walker_reply(request_.walker, result, request_.id);
    } else if (!request_.id.empty()) {
        reply = ack_reply(request_.id);
    }
    answer(std::move(reply));
}

void WalkerJob::fail(ReplyError error, std::string_view error_json,
                     const std::optional<std::string>& ref) {
    if (decided_) return decide(std::nullopt);
    constexpr auto type = "walker";
    std::string sentence(error_json);
    if (sentence.empty()) append_json_string(sentence, error_sentence(error, request_.walker));
    answer(error_reply_json(error, type, request_.id, sentence, ref), error);
}

void WalkerJob::answer(std::string reply, std::optional<ReplyError> error) {
    if (auto done = std::exchange(done_, nullptr)) done(std::move(reply), error);
}

void WalkerJob::decide(std::optional<bool> answer) {
    if (auto decided = std::exchange(decided_, nullptr)) decided(answer);
}

}  // namespace jac::cloud
