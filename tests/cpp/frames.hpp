#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "deflate/inflater.hpp"
#include "protocol/frame.hpp"

namespace jac::cloud {

using Mask = std::array<unsigned char, 4>;
inline constexpr Mask test_mask{0x37, 0xFA, 0x21, 0x3D};  // of RFC 6455 section 5.7

// A frame as a client sends it, right or wrong in whatever way a test wants.
struct ClientFrame {
    unsigned opcode = 0x1;
    std::string payload{};
    bool final = true;
    unsigned reserved = 0;  // the three bits, 0 to 7
    bool masked = true;
    int length_bytes = -1;  // of the extended length: 0, 2 or 8; -1: the shortest
    Mask mask = test_mask;

    std::string bytes() const {
        std::string out(1, static_cast<char>((final ? 0x80U : 0U) | reserved << 4 | opcode));
        const auto size = payload.size();
        const int extended =
            length_bytes >= 0 ? length_bytes : (size < 126 ? 0 : (size <= 0xFFFF ? 2 : 8));
        const auto length = extended == 0 ? size : (extended == 2 ? 126U : 127U);
        out += static_cast<char>((masked ? 0x80U : 0U) | length);
        for (int i = extended - 1; i >= 0; --i) out += static_cast<char>(size >> (8 * i) & 0xFF);
        if (!masked) return out + payload;
        for (const auto byte : mask) out += static_cast<char>(byte);
        for (std::size_t i = 0; i < size; ++i) {
            out += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % 4]);
        }
        return out;
    }
};

inline std::string text_frame(std::string_view text) {
    return ClientFrame{.payload = std::string(text)}.bytes();
}

inline std::string close_frame(unsigned code, std::string_view reason = {}) {
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    payload += reason;
    return ClientFrame{.opcode = 0x8, .payload = payload}.bytes();
}

struct ServerFrame {
    Opcode opcode;
    std::string payload;
    bool deflated = false;

    friend bool operator==(const ServerFrame&, const ServerFrame&) = default;
};

// Reads what a server sent, as strictly as a client may: whole frames, final and unmasked, and
// compressed only where that was agreed on (then the payload is what it stands for).
inline std::vector<ServerFrame> read_server_frames(std::string_view bytes, bool deflate = false) {
    Inflater inflater;
    std::vector<ServerFrame> frames;
    while (!bytes.empty()) {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes.at(i)); };
        const bool deflated = (byte(0) & 0x40) != 0;
        if ((byte(0) & 0xB0) != 0x80) throw std::runtime_error("not a final frame");
        if (deflated && !deflate) throw std::runtime_error("a compressed frame");
        std::uint64_t size = byte(1);
        if (size > 127) throw std::runtime_error("a masked frame");
        std::size_t at = 2;
        if (size >= 126) {
            const std::size_t extended = size == 126 ? 2 : 8;
            size = 0;
            for (std::size_t i = 0; i < extended; ++i) size = size << 8 | byte(at++);
        }
        if (bytes.size() - at < size) throw std::runtime_error("a frame cut short");
        auto payload = bytes.substr(at, size);
        if (deflated) {
            const auto [outcome, message] = inflater.inflate(payload, std::size_t{1} << 24);
            if (outcome != Inflation::whole) throw std::runtime_error("not compressed well");
            payload = message;
        }
        frames.push_back({static_cast<Opcode>(byte(0) & 0x0F), std::string(payload), deflated});
        bytes.remove_prefix(at + size);
    }
    return frames;
}

}  // namespace jac::cloud
