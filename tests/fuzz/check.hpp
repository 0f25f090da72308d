#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

// What libFuzzer calls with each input, and replay.cpp with those that are kept.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace jac::cloud::fuzz {

// Nobody catches it but replay.cpp, so to libFuzzer it is a crash.
inline void check(bool holds, const std::string& what) {
    if (!holds) throw std::logic_error(what);
}

// UTF-8 as another library sees it.
inline bool is_utf8_elsewhere(std::string_view text) {
    try {
        nlohmann::json(text).dump();
        return true;
    } catch (const nlohmann::json::type_error&) {
        return false;
    }
}

// Takes small numbers off the front of an input, and zeros once it is used up.
class Bytes {
  public:
    Bytes(const std::uint8_t* data, std::size_t size)
        : rest_(reinterpret_cast<const char*>(data), size) {}

    bool empty() const noexcept { return rest_.empty(); }

    unsigned byte() {
        if (rest_.empty()) return 0;
        const auto value = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }
    unsigned word() {
        const unsigned high = byte();
        return high << 8 | byte();
    }
    std::string_view rest() const noexcept { return rest_; }

  private:
    std::string_view rest_;
};

}  // namespace jac::cloud::fuzz
