#include "pubsub/targets.hpp"

#include <algorithm>
#include <functional>

namespace jac::cloud {

namespace {

// Sorts, and returns how many are left when each is there once.
template <class Value, class Less>
std::size_t each_once(std::span<Value> values, Less less) {
    if (values.size() < 2) return values.size();
    std::ranges::sort(values, less);
    // What the one of std::ranges returns, clang 14, which fuzzes, cannot compile.
    const auto end = std::unique(values.begin(), values.end());  // NOLINT(modernize-use-ranges)
    return static_cast<std::size_t>(end - values.begin());
}

// What one event may leave behind for the next is small: its sender chooses how long names are.
constexpr std::size_t kept_names = 16;
constexpr std::size_t kept_capacity = 1024;

}  // namespace

void Targets::assign(TargetKind kind, std::span<const std::string_view> names) {
    kind_ = kind;
    name_count_ = 0;
    if (names_.size() > kept_names) names_.resize(kept_names);
    for (std::string& name : names_) {
        if (name.capacity() > kept_capacity) std::string().swap(name);
    }
    roots_.clear();
    if (kind != TargetKind::user) {
        if (names_.size() < names.size()) names_.resize(names.size());
        std::ranges::copy(names, names_.begin());
        name_count_ = each_once(std::span(names_.data(), names.size()), std::less<>{});
        return;
    }
    roots_.reserve(names.size());
    for (const auto name : names) {
        if (const auto root = parse_node_id(name)) roots_.push_back(*root);
    }
    roots_.resize(each_once(std::span(roots_), [](const NodeId& a, const NodeId& b) {
        return a.high != b.high ? a.high < b.high : a.low < b.low;
    }));
}

}  // namespace jac::cloud
