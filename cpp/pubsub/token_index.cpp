#include "pubsub/token_index.hpp"

#include <algorithm>

#include "pubsub/subscriber.hpp"

namespace jac::cloud {

void TokenIndex::enter(Subscriber& subscriber) {
    const auto& claims = subscriber.identity().claims;
    if (!claims) return;
    by_user_.try_emplace({claims->user_id, subscriber.number()}, &subscriber);
    by_expiry_.try_emplace({claims->expires_at, subscriber.number()}, &subscriber);
}

void TokenIndex::leave(Subscriber& subscriber) {
    const auto& claims = subscriber.identity().claims;
    if (!claims) return;
    by_user_.erase({claims->user_id, subscriber.number()});
    by_expiry_.erase({claims->expires_at, subscriber.number()});
}

std::vector<Subscriber*> TokenIndex::revoke(const Revocation& revocation, std::uint64_t count) {
    recent_.push_back({count, revocation});
    if (recent_.size() > most_recent) {
        forgotten_ = recent_.front().count;
        recent_.pop_front();
    }
    std::vector<Subscriber*> covered;
    for (auto at = by_user_.lower_bound({revocation.user_id, 0});
         at != by_user_.end() && at->first.first == revocation.user_id; ++at) {
        if (revocation.covers(*at->second->identity().claims)) covered.push_back(at->second);
    }
    return covered;
}

bool TokenIndex::revoked_meanwhile(const Identity& identity) const {
    if (!identity.claims) return false;
    const Claims& claims = *identity.claims;
    if (claims.checked_at < forgotten_) return true;
    return std::ranges::any_of(recent_, [&](const Recent& recent) {
        return recent.count > claims.checked_at && recent.revocation.covers(claims);
    });
}

std::vector<Subscriber*> TokenIndex::expired(std::int64_t now) const {
    std::vector<Subscriber*> found;
    for (auto at = by_expiry_.begin(); at != by_expiry_.end() && at->first.first <= now; ++at) {
        found.push_back(at->second);
    }
    return found;
}

}  // namespace jac::cloud
