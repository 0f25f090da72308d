#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "base/identity.hpp"

namespace jac::cloud {

class Subscriber;

// The sessions of a shard whose identity is a token's, by user and by expiry, so that those whose
// token ends are found without asking the others. One thread's own.
class TokenIndex {
  public:
    // Called with a subscriber's identity as it becomes one of the hub's, and as it ceases to be.
    void enter(Subscriber& subscriber);
    void leave(Subscriber& subscriber);

    // The sessions that it covers. `count` is how many revocations there have been, it included.
    std::vector<Subscriber*> revoke(const Revocation& revocation, std::uint64_t count);
    // Whether a revocation that came after the check of the identity's token had begun covers it:
    // the check may not have seen it.
    bool revoked_meanwhile(const Identity& identity) const;

    // The sessions whose token has expired by `now`, in Unix seconds.
    std::vector<Subscriber*> expired(std::int64_t now) const;

    bool empty() const noexcept { return by_user_.empty(); }

  private:
    struct Recent {
        std::uint64_t count;
        Revocation revocation;
    };
    // A check that began before so many revocations is not worth trusting.
    static constexpr std::size_t most_recent = 1024;

    // The number keeps sessions of one user, and of one second, apart.
    std::map<std::pair<std::string_view, std::uint64_t>, Subscriber*> by_user_;
    std::map<std::pair<std::int64_t, std::uint64_t>, Subscriber*> by_expiry_;
    std::deque<Recent> recent_;
    std::uint64_t forgotten_ = 0;  // revocations up to this count are no longer in recent_
};

}  // namespace jac::cloud
