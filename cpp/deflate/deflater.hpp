#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

namespace jac::cloud {

// The windows a deflater can be asked for, in bits (RFC 7692 section 7.1.2.1): 8, which the RFC
// allows too, is one that zlib cannot keep to.
inline constexpr int min_window_bits = 9;
inline constexpr int max_window_bits = 15;

// Compresses messages, each by itself (RFC 7692 section 7.2.1): what one receiver can read, so can
// every other. Holds no memory before the first message, some 400 KiB a window size after. One
// thread's own.
class Deflater {
  public:
    Deflater();
    ~Deflater();
    Deflater(const Deflater&) = delete;
    Deflater& operator=(const Deflater&) = delete;

    // The payload of a compressed frame, valid until the next call; nullopt when it would not be
    // shorter than the message.
    std::optional<std::string_view> compress(std::string_view message, int window_bits);

  private:
    struct Streams;
    std::unique_ptr<Streams> streams_;
};

}  // namespace jac::cloud
