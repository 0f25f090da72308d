#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/counters.hpp"
#include "base/ids.hpp"
#include "pubsub/targets.hpp"

namespace jac::cloud {

// Which shards have members of a target, and how many. Thread-safe: written when a session comes,
// goes or changes its user, asked once a publication; the way out to the sessions never comes here.
class Directory {
  public:
    struct Reach {
        std::uint64_t shards = 0;  // a bit each
        std::size_t sessions = 0;
    };

    void add(TargetKind kind, std::string_view name, unsigned shard) {
        change(kind, name, shard, +1);
    }
    void remove(TargetKind kind, std::string_view name, unsigned shard) {
        change(kind, name, shard, -1);
    }
    void add_user(const NodeId& root, unsigned shard) { change_user(root, shard, +1); }
    void remove_user(const NodeId& root, unsigned shard) { change_user(root, shard, -1); }

    // A session has one client id, one user and one channel, so the members of distinct targets of
    // a kind add up without overlap.
    Reach reach(const Targets& targets) const;

    // Distinct clients, users and channels with members. Takes no lock: as of a moment ago.
    struct Sizes {
        std::size_t clients = 0;
        std::size_t users = 0;
        std::size_t channels = 0;
    };
    Sizes sizes() const noexcept { return {clients_.value(), users_.value(), channels_.value()}; }

  private:
    // Members by shard; most targets have theirs on one.
    struct Count {
        unsigned shard;
        std::uint32_t members;
    };
    using Counts = std::vector<Count>;
    template <class Key, class Hash>
    using Table = std::unordered_map<Key, Counts, Hash, std::equal_to<>>;

    struct Stripe {
        mutable std::mutex mutex;
        Table<std::string, StringHash> clients;
        Table<std::string, StringHash> channels;
        Table<NodeId, NodeIdHash> users;
    };

    static void add_up(const Counts& counts, Reach& reach);
    template <class Map, class Key>
    static void apply(Map& table, SharedCounter& keys, const Key& key, unsigned shard, int by);

    void change(TargetKind kind, std::string_view name, unsigned shard, int by);
    void change_user(const NodeId& root, unsigned shard, int by);

    static constexpr std::size_t stripe_count = 64;
    std::array<Stripe, stripe_count> stripes_;
    SharedCounter clients_;
    SharedCounter users_;
    SharedCounter channels_;
};

}  // namespace jac::cloud
