// What the clients of a world must be sent: kept beside the hubs, without asking them.
#include <algorithm>
#include <stdexcept>

#include "world.hpp"

namespace jac::cloud::simulation {

bool World::is_target(const Member& member, const Targets& targets) const {
    const auto names = [&](const std::string& name) {
        return std::ranges::find(targets.names(), name) != targets.names().end();
    };
    switch (targets.kind()) {
        case TargetKind::client:
            return names(member.client_id);
        case TargetKind::channel:
            return names(member.channel);
        case TargetKind::user:
            return std::ranges::find(targets.roots(), member.identity.root) !=
                   targets.roots().end();
    }
    return false;
}

void World::model_publish(unsigned shard, const Targets& targets, const std::string& payload) {
    for (const auto& member : members_) {
        if (member->shard == shard && member->session && member->session->joined() &&
            is_target(*member, targets)) {
            member->expected.push_back(payload);
        }
    }
}

// Every shard with somebody to have it must be sent a letter, once; its own shard none.
void World::check_posted(const Targets& targets, const std::function<void()>& publish,
                         std::optional<unsigned> own_shard) {
    std::vector<std::size_t> before;
    before.reserve(shards_.size());
    for (const auto& shard : shards_) before.push_back(shard->port->letters.size());
    std::vector<bool> needed(shards_.size());
    for (const auto& member : members_) {
        if (member->session && member->session->joined() && is_target(*member, targets)) {
            needed[member->shard] = true;
        }
    }
    publish();
    for (std::size_t i = 0; i < shards_.size(); ++i) {
        const auto posted = shards_[i]->port->letters.size() - before[i];
        const std::size_t expected = needed[i] && i != own_shard ? 1 : 0;
        if (posted != expected) fail("a publication came to the wrong shards");
    }
}

// An event that the session takes up now.
void World::model_event(Member& member, const Event& event) {
    switch (event.kind) {
        case Event::Kind::publish: {
            const std::vector<std::string_view> names(event.names.begin(), event.names.end());
            model_publish(member.shard, Targets(event.targets, names), event.payload);
            break;
        }
        case Event::Kind::walker:
        case Event::Kind::change_user:
            member.busy = true;
            break;
        case Event::Kind::connection:
            if (!member.session->joined()) break;  // held back, and closed meanwhile
            member.expected.push_back(
                connection_reply(member.client_id, member.identity.root, member.channel, {}));
            break;
    }
}

// The walker or the token check has ended: what was held back, up to the next of them.
void World::model_resume(Member& member) {
    member.busy = false;
    const bool joined = member.session->joined();
    if (member.lost || (!joined && revoked_since(member, member.identity))) member.held.clear();
    while (!member.busy && !member.held.empty()) {
        const Event event = std::move(member.held.front());
        member.held.pop_front();
        model_event(member, event);
    }
}

// What a session holds back of an identity that it loses is without effect.
void World::lose_identities(unsigned shard, const std::function<bool(const Claims&)>& which) {
    for (const auto& member : members_) {
        if (member->shard != shard || !member->session || !member->session->joined()) continue;
        const auto& claims = member->session->identity().claims;
        if (claims && which(*claims)) member->lost = true;
    }
}

// Whether a revocation that its shard was told of covers an identity whose check may have missed
// it.
bool World::revoked_since(const Member& member, const Identity& identity) const {
    if (!identity.claims) return false;
    return std::ranges::any_of(shards_[member.shard]->revocations, [&](const auto& told) {
        return told.first > identity.claims->checked_at && told.second.covers(*identity.claims);
    });
}

void World::check_bounds() const {
    for (const auto& member : members_) {
        if (!member->session) continue;
        const auto& session = *member->session;
        constexpr std::size_t close_frame = 64;
        if (session.outbox().bytes() > config_.outbox_bytes + close_frame) {
            fail("an outbox holds more than it may");
        }
        if (!session.joined() || !session.identity().claims) continue;
        for (const auto& [count, revocation] : shards_[member->shard]->revocations) {
            if (count > session.identity().claims->checked_at &&
                revocation.covers(*session.identity().claims)) {
                fail(member->client_id + " lives on with a revoked token");
            }
        }
    }
}

void World::fail(const std::string& what) const {
    throw std::runtime_error("step " + std::to_string(step_) + ": " + what);
}

}  // namespace jac::cloud::simulation
