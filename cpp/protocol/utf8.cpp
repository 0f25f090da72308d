#include "protocol/utf8.hpp"

#include <cstring>

namespace jac::cloud {

bool Utf8Validator::feed(std::string_view piece) {
    const char* at = piece.data();
    const char* const end = at + piece.size();
    while (at != end) {
        if (missing_ == 0) {
            // Most text is ASCII: eight bytes at a time.
            while (end - at >= 8) {
                std::uint64_t word = 0;
                std::memcpy(&word, at, sizeof word);
                if ((word & 0x8080808080808080ULL) != 0) break;
                at += 8;
            }
            if (at == end) break;
        }
        const auto byte = static_cast<std::uint8_t>(*at++);
        if (missing_ != 0) {
            if (byte < least_ || byte > most_) return false;
            least_ = 0x80;
            most_ = 0xBF;
            --missing_;
            continue;
        }
        if (byte < 0x80) continue;
        least_ = 0x80;
        most_ = 0xBF;
        if (byte >= 0xC2 && byte <= 0xDF) {
            missing_ = 1;
        } else if (byte >= 0xE0 && byte <= 0xEF) {
            missing_ = 2;
            if (byte == 0xE0) least_ = 0xA0;  // overlong below
            if (byte == 0xED) most_ = 0x9F;   // surrogates above
        } else if (byte >= 0xF0 && byte <= 0xF4) {
            missing_ = 3;
            if (byte == 0xF0) least_ = 0x90;  // overlong below
            if (byte == 0xF4) most_ = 0x8F;   // past U+10FFFF above
        } else {
            return false;
        }
    }
    return true;
}

bool is_utf8(std::string_view text) {
    Utf8Validator validator;
    return validator.feed(text) && validator.complete();
}

}  // namespace jac::cloud
