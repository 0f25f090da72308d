#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"

namespace jac::cloud {

enum class TargetKind : std::uint8_t { client, user, channel };

// Whom a message is for, each once: users by the value of their root's id, whatever its spelling.
// A malformed root id is nobody's.
class Targets {
  public:
    Targets() = default;
    Targets(TargetKind kind, std::span<const std::string_view> names) { assign(kind, names); }
    Targets(Targets&&) noexcept = default;
    Targets& operator=(Targets&&) noexcept = default;
    Targets(const Targets& other)
        : kind_(other.kind_),
          names_(other.names().begin(), other.names().end()),
          name_count_(other.name_count_),
          roots_(other.roots_) {}
    Targets& operator=(const Targets& other) { return *this = Targets(other); }
    ~Targets() = default;

    // Others from now on, in the memory of those before.
    void assign(TargetKind kind, std::span<const std::string_view> names);

    TargetKind kind() const noexcept { return kind_; }
    // Of clients and channels.
    std::span<const std::string> names() const noexcept { return {names_.data(), name_count_}; }
    // Of users.
    const std::vector<NodeId>& roots() const noexcept { return roots_; }

  private:
    TargetKind kind_ = TargetKind::client;
    std::vector<std::string> names_;  // behind the first name_count_: memory for the next
    std::size_t name_count_ = 0;
    std::vector<NodeId> roots_;
};

}  // namespace jac::cloud
