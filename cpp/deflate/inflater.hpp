#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace jac::cloud {

enum class Inflation : std::uint8_t {
    whole,
    too_big,  // it would pass the limit: stopped there
    corrupt,  // not what a deflater writes, or cut short
};

struct Inflated {
    Inflation outcome;
    std::string_view message;  // of a whole one, valid until the next call
};

// Reads compressed messages, each by itself (RFC 7692 section 7.2.2). Holds no memory before the
// first one. One thread's own.
class Inflater {
  public:
    Inflater();
    ~Inflater();
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    // The message that the payload of a compressed frame holds. Never writes, nor keeps memory for,
    // more than `limit` bytes and one.
    Inflated inflate(std::string_view payload, std::size_t limit);

  private:
    struct Stream;
    std::unique_ptr<Stream> stream_;
};

}  // namespace jac::cloud
