#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace jac::cloud {

// The value of a node's UUID. Roots and nodes are named by it; the text forms are for the wire.
struct NodeId {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend bool operator==(const NodeId&, const NodeId&) = default;
};

// The root of everyone without a token.
inline constexpr NodeId public_root{0, 1};

// Reads any accepted spelling: "n::" and 24 to 32 hex digits, the bare digits, the older
// "n:NAME:HEX". nullopt when it is none of them.
std::optional<NodeId> parse_node_id(std::string_view text);

// "n::" and the value without leading zeros, 24 digits at least.
std::string format_node_id(const NodeId& id);

// 32 hex digits.
std::string to_hex(const NodeId& id);

// 32 random hex digits. Unpredictable (from the kernel's generator). Thread-safe.
std::string random_hex();

// "<unix seconds>:<32 random hex digits>", for client ids and channels nobody asked for.
// As random_hex().
std::string random_id(std::int64_t unix_seconds);

struct NodeIdHash {
    std::size_t operator()(const NodeId& id) const noexcept {
        return std::hash<std::uint64_t>{}(id.low ^ (id.high * 0x9e3779b97f4a7c15ULL));
    }
};

// Lets a table of strings be searched by a string_view.
struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
        return std::hash<std::string_view>{}(text);
    }
};

}  // namespace jac::cloud
