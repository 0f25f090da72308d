#include "protocol/sha1.hpp"

#include <bit>
#include <cstddef>
#include <string>

namespace jac::cloud {

namespace {

using State = std::array<std::uint32_t, 5>;

constexpr std::size_t block_size = 64;

std::uint32_t big_endian_word(std::string_view bytes) {
    std::uint32_t word = 0;
    for (const char byte : bytes.substr(0, 4)) word = (word << 8) | static_cast<std::uint8_t>(byte);
    return word;
}

void add_block(State& state, std::string_view block) {
    std::array<std::uint32_t, 80> words{};
    for (std::size_t t = 0; t < 16; ++t) words[t] = big_endian_word(block.substr(4 * t));
    for (std::size_t t = 16; t < 80; ++t) {
        words[t] = std::rotl(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
    }
    auto [a, b, c, d, e] = state;
    for (std::size_t t = 0; t < 80; ++t) {
        std::uint32_t mixed = b ^ c ^ d;
        std::uint32_t constant = t < 40 ? 0x6ED9EBA1 : 0xCA62C1D6;
        if (t < 20) {
            mixed = (b & c) | (~b & d);
            constant = 0x5A827999;
        } else if (t >= 40 && t < 60) {
            mixed = (b & c) | (b & d) | (c & d);
            constant = 0x8F1BBCDC;
        }
        const std::uint32_t next = std::rotl(a, 5) + mixed + e + words[t] + constant;
        e = d;
        d = c;
        c = std::rotl(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

}  // namespace

std::array<std::uint8_t, 20> sha1(std::string_view text) {
    std::string padded(text);
    padded.push_back('\x80');
    while (padded.size() % block_size != block_size - 8) padded.push_back('\0');
    const std::uint64_t bits = std::uint64_t{text.size()} * 8;
    for (int shift = 56; shift >= 0; shift -= 8) {
        padded.push_back(static_cast<char>(static_cast<std::uint8_t>(bits >> shift)));
    }

    State state{0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    for (std::size_t at = 0; at < padded.size(); at += block_size) {
        add_block(state, std::string_view(padded).substr(at, block_size));
    }

    std::array<std::uint8_t, 20> digest{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
    }
    return digest;
}

}  // namespace jac::cloud
