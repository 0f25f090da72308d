#include "pubsub/broker.hpp"

namespace jac::cloud {

namespace {

SharedCounter& counter_of(NotificationCounters& counters, TargetKind kind) {
    switch (kind) {
        case TargetKind::user:
            return counters.users;
        case TargetKind::channel:
            return counters.channels;
        case TargetKind::client:
            break;
    }
    return counters.clients;
}

}  // namespace

std::size_t LocalBroker::publish(std::shared_ptr<const Publication> publication) {
    counter_of(notifications(), publication->targets.kind()).add();
    const auto reach = directory_.reach(publication->targets);
    deliver(publication, reach.shards);
    return reach.sessions;
}

void LocalBroker::publish_elsewhere(const Targets& targets, std::string_view payload,
                                    unsigned own_shard) {
    if (single_shard()) return;
    const auto shards = directory_.reach(targets).shards & ~(std::uint64_t{1} << own_shard);
    if (shards == 0) return;
    deliver(std::make_shared<const Publication>(
                Publication{targets, std::make_shared<const Message>(payload)}),
            shards);
}

void LocalBroker::deliver(const std::shared_ptr<const Publication>& publication,
                          std::uint64_t shards) {
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        if ((shards >> i & 1) != 0) ports_[i]->deliver({publication, nullptr, 0, 0});
    }
}

}  // namespace jac::cloud
