#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/close_code.hpp"

namespace jac::cloud {

// RFC 6455 section 5.2.
enum class Opcode : std::uint8_t {
    continuation = 0x0,
    text = 0x1,
    binary = 0x2,
    close = 0x8,
    ping = 0x9,
    pong = 0xA,
};

constexpr bool is_control(Opcode opcode) {
    return (static_cast<std::uint8_t>(opcode) & 0x8) != 0;
}

inline constexpr std::size_t max_control_payload = 125;

enum class Encoding : std::uint8_t { plain, deflated };

// The header of a whole, unmasked frame, as servers send it.
class FrameHeader {
  public:
    FrameHeader(Opcode opcode, std::size_t payload_size, Encoding encoding = Encoding::plain);
    std::string_view view() const noexcept { return {bytes_.data(), size_}; }

  private:
    std::array<char, 10> bytes_{};
    std::size_t size_;
};

// A close frame's payload: the code and its reason from the table.
std::string close_payload(CloseCode code);

}  // namespace jac::cloud
