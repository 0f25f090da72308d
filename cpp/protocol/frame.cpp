#include "protocol/frame.hpp"

namespace jac::cloud {

FrameHeader::FrameHeader(Opcode opcode, std::size_t payload_size, Encoding encoding) {
    constexpr unsigned final_fragment = 0x80;
    const unsigned rsv1 = encoding == Encoding::deflated ? 0x40 : 0;  // RFC 7692 section 6
    bytes_[0] = static_cast<char>(final_fragment | rsv1 | static_cast<unsigned>(opcode));
    std::size_t length_bytes = 0;
    if (payload_size < 126) {
        bytes_[1] = static_cast<char>(payload_size);
    } else if (payload_size <= 0xFFFF) {
        bytes_[1] = 126;
        length_bytes = 2;
    } else {
        bytes_[1] = 127;
        length_bytes = 8;
    }
    for (std::size_t i = 0; i < length_bytes; ++i) {
        const auto shift = 8 * (length_bytes - 1 - i);
        bytes_[2 + i] = static_cast<char>(payload_size >> shift & 0xFF);
    }
    size_ = 2 + length_bytes;
}

std::string close_payload(CloseCode code) {
    const auto value = static_cast<std::uint16_t>(code);
    std::string payload{static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)};
    payload += close_reason(code);
    return payload;
}

}  // namespace jac::cloud
