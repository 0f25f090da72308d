#include "pubsub/directory.hpp"

#include <algorithm>

namespace jac::cloud {

template <class Map, class Key>
void Directory::apply(Map& table, SharedCounter& keys, const Key& key, unsigned shard, int by) {
    auto found = table.find(key);
    if (found == table.end()) {
        found = table.emplace(typename Map::key_type(key), Counts{}).first;
        keys.add();
    }
    Counts& counts = found->second;
    auto count = std::ranges::find(counts, shard, &Count::shard);
    if (count == counts.end()) count = counts.insert(counts.end(), {shard, 0});
    count->members += static_cast<std::uint32_t>(by);
    if (count->members != 0) return;
    counts.erase(count);
    if (!counts.empty()) return;
    table.erase(found);
    keys.subtract();
}

void Directory::change(TargetKind kind, std::string_view name, unsigned shard, int by) {
    Stripe& stripe = stripes_[StringHash{}(name) % stripe_count];
    const std::lock_guard lock(stripe.mutex);
    if (kind == TargetKind::client) {
        apply(stripe.clients, clients_, name, shard, by);
    } else {
        apply(stripe.channels, channels_, name, shard, by);
    }
}

void Directory::change_user(const NodeId& root, unsigned shard, int by) {
    Stripe& stripe = stripes_[NodeIdHash{}(root) % stripe_count];
    const std::lock_guard lock(stripe.mutex);
    apply(stripe.users, users_, root, shard, by);
}

void Directory::add_up(const Counts& counts, Reach& reach) {
    for (const auto& count : counts) {
        reach.shards |= std::uint64_t{1} << count.shard;
        reach.sessions += count.members;
    }
}

Directory::Reach Directory::reach(const Targets& targets) const {
    Reach reach;
    for (const auto& name : targets.names()) {
        const Stripe& stripe = stripes_[StringHash{}(name) % stripe_count];
        const std::lock_guard lock(stripe.mutex);
        const auto& table = targets.kind() == TargetKind::client ? stripe.clients : stripe.channels;
        if (const auto found = table.find(name); found != table.end()) {
            add_up(found->second, reach);
        }
    }
    for (const auto& root : targets.roots()) {
        const Stripe& stripe = stripes_[NodeIdHash{}(root) % stripe_count];
        const std::lock_guard lock(stripe.mutex);
        if (const auto found = stripe.users.find(root); found != stripe.users.end()) {
            add_up(found->second, reach);
        }
    }
    return reach;
}

}  // namespace jac::cloud
