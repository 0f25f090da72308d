#include "pubsub/targets.hpp"

#include <algorithm>
#include <functional>

namespace jac::cloud {

namespace {

template <class Value, class Less>
void keep_each_once(std::vector<Value>& values, Less less) {
    if (values.size() < 2) return;
    std::ranges::sort(values, less);
    const auto repeated = std::ranges::unique(values);
    values.erase(repeated.begin(), repeated.end());
}

}  // namespace

Targets::Targets(TargetKind kind, std::span<const std::string_view> names) : kind_(kind) {
    if (kind != TargetKind::user) {
        names_.assign(names.begin(), names.end());
        keep_each_once(names_, std::less<>{});
        return;
    }
    roots_.reserve(names.size());
    for (const auto name : names) {
        if (const auto root = parse_node_id(name)) roots_.push_back(*root);
    }
    keep_each_once(roots_, [](const NodeId& a, const NodeId& b) {
        return a.high != b.high ? a.high < b.high : a.low < b.low;
    });
}

}  // namespace jac::cloud
