#pragma once

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
    Targets(TargetKind kind, std::span<const std::string_view> names);

    TargetKind kind() const noexcept { return kind_; }
    // Of clients and channels.
    const std::vector<std::string>& names() const noexcept { return names_; }
    // Of users.
    const std::vector<NodeId>& roots() const noexcept { return roots_; }

  private:
    TargetKind kind_;
    std::vector<std::string> names_;
    std::vector<NodeId> roots_;
};

}  // namespace jac::cloud
