#include "base/ids.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace jac::cloud {

namespace {

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

std::optional<NodeId> parse_hex(std::string_view digits) {
    // format_node_id drops leading zeros, so every length between the two is some id's.
    if (digits.size() < 24 || digits.size() > 32) return std::nullopt;
    NodeId id;
    for (const char c : digits) {
        const auto value = hex_digit(c);
        if (!value) return std::nullopt;
        id.high = id.high << 4 | id.low >> 60;
        id.low = id.low << 4 | *value;
    }
    return id;
}

// Random bytes for ids are asked of the kernel a page at a time: a system call for each id would
// be most of its cost.
class RandomPool {
  public:
    std::array<std::uint64_t, 2> take() {
        if (next_ == words_.size()) refill();
        return {words_[next_++], words_[next_++]};
    }

  private:
    void refill() {
        std::size_t have = 0;
        const std::size_t want = sizeof(words_);
        while (have < want) {
            const auto got =
                getrandom(reinterpret_cast<char*>(words_.data()) + have, want - have, 0);
            if (got < 0) {
                if (errno == EINTR) continue;
                throw std::system_error(errno, std::generic_category(), "getrandom");
            }
            have += static_cast<std::size_t>(got);
        }
        next_ = 0;
    }

    std::array<std::uint64_t, 512> words_{};
    std::size_t next_ = 512;
};

auto random_words() {
    thread_local RandomPool pool;
    return pool.take();
}

}  // namespace

std::optional<NodeId> parse_node_id(std::string_view text) {
    if (text.starts_with("n:")) {
        const auto name_end = text.find(':', 2);
        if (name_end == std::string_view::npos) return std::nullopt;
        text.remove_prefix(name_end + 1);
    }
    return parse_hex(text);
}

std::string format_node_id(const NodeId& id) {
    // 24 digits hold the low 96 bits.
    if (id.high >> 32 == 0) return fmt::format("n::{:08x}{:016x}", id.high, id.low);
    return fmt::format("n::{:x}{:016x}", id.high, id.low);
}

std::string to_hex(const NodeId& id) {
    return fmt::format("{:016x}{:016x}", id.high, id.low);
}

std::string random_hex() {
    const auto words = random_words();
    return fmt::format("{:016x}{:016x}", words[0], words[1]);
}

std::string random_id(std::int64_t unix_seconds) {
    const auto words = random_words();
    return fmt::format("{}:{:016x}{:016x}", unix_seconds, words[0], words[1]);
}

}  // namespace jac::cloud
