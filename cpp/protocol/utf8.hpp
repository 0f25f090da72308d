#pragma once

#include <cstdint>
#include <string_view>

namespace jac::cloud {

// Checks text that arrives in pieces (RFC 3629: no overlong forms, no surrogates, nothing past
// U+10FFFF). Says no at the first byte that cannot be right.
class Utf8Validator {
  public:
    // False: this is not UTF-8 and nothing that follows can make it so.
    bool feed(std::string_view piece);
    // Whether the text may end here.
    bool complete() const noexcept { return missing_ == 0; }
    void reset() noexcept { missing_ = 0; }

  private:
    std::uint8_t missing_ = 0;   // continuation bytes to come
    std::uint8_t least_ = 0x80;  // range of the next one
    std::uint8_t most_ = 0xBF;
};

bool is_utf8(std::string_view text);

}  // namespace jac::cloud
