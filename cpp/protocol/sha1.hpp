#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace jac::cloud {

// SHA-1 (RFC 3174). For the opening handshake, which asks for it and where it keeps no secret; good
// for nothing else.
std::array<std::uint8_t, 20> sha1(std::string_view text);

}  // namespace jac::cloud
