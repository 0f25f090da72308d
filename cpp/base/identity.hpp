#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/ids.hpp"

namespace jac::cloud {

// What the token behind an identity says, as far as its end is concerned.
struct Claims {
    std::string user_id;
    std::string token_id;
    std::uint64_t epoch = 0;       // the user's revocations of all tokens that it knows of
    std::int64_t expires_at = 0;   // Unix seconds
    std::uint64_t checked_at = 0;  // how many revocations there had been when its check began
};

// Tokens that are refused from now on.
struct Revocation {
    std::string user_id{};
    std::string token_id{};  // empty: all of the user's of an epoch before `number`
    std::string spared{};    // save this one
    std::uint64_t number = 0;

    bool covers(const Claims& claims) const {
        if (claims.user_id != user_id) return false;
        if (!token_id.empty()) return claims.token_id == token_id;
        return claims.epoch < number && claims.token_id != spared;
    }
};

// Who a connection speaks for.
struct Identity {
    NodeId root = public_root;
    bool authenticated = false;
    std::shared_ptr<const Claims> claims{};  // null where no token has to be watched

    friend bool operator==(const Identity&, const Identity&) = default;
};

}  // namespace jac::cloud
