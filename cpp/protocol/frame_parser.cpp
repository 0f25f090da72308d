#include "protocol/frame_parser.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace jac::cloud {

namespace {

// XORs with the mask from its phase on, eight bytes at a time, and returns the next phase.
std::uint8_t unmask(std::span<char> bytes, const std::array<char, 4>& mask, std::uint8_t phase) {
    std::array<char, 8> turned{};
    for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(phase + i) % 4];
    std::uint64_t key = 0;
    std::memcpy(&key, turned.data(), sizeof key);
    std::size_t at = 0;
    for (; at + sizeof key <= bytes.size(); at += sizeof key) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        word ^= key;
        std::memcpy(bytes.data() + at, &word, sizeof word);
    }
    for (; at < bytes.size(); ++at) bytes[at] = static_cast<char>(bytes[at] ^ turned[at % 8]);
    return static_cast<std::uint8_t>((phase + bytes.size()) % 4);
}

// RFC 6455 section 7.4.1 and 7.4.2, with the codes IANA added since.
bool may_be_sent(unsigned code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

constexpr std::size_t kept_capacity = 4096;  // a connection keeps no more between messages

}  // namespace

std::optional<CloseCode> FrameParser::feed(std::span<char> bytes, FrameHandler& handler) {
    while (state_ != State::stopped) {
        if (state_ == State::header) {
            while (header_have_ < header_size()) {
                if (bytes.empty()) return std::nullopt;
                const auto take = std::min(header_size() - header_have_, bytes.size());
                std::memcpy(header_.data() + header_have_, bytes.data(), take);
                header_have_ = static_cast<std::uint8_t>(header_have_ + take);
                bytes = bytes.subspan(take);
            }
            if (const auto violation = read_header()) return violation;
            state_ = State::payload;
        }
        const auto take =
            static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
        if (take == 0 && remaining_ != 0) return std::nullopt;
        if (const auto violation = take_payload(bytes.first(take), handler)) return violation;
        bytes = bytes.subspan(take);
    }
    return std::nullopt;
}

// Grows as the bytes that say it arrive: 2, then the extended length, then the mask.
std::size_t FrameParser::header_size() const {
    if (header_have_ < 2) return 2;
    const unsigned length = static_cast<unsigned char>(header_[1]) & 0x7FU;
    const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    const bool masked = (static_cast<unsigned char>(header_[1]) & 0x80U) != 0;
    return 2 + extended + (masked ? 4 : 0);
}

std::optional<CloseCode> FrameParser::read_header() {
    const auto first = static_cast<unsigned char>(header_[0]);
    const auto second = static_cast<unsigned char>(header_[1]);
    final_ = (first & 0x80) != 0;
    if ((first & 0x30) != 0) return CloseCode::protocol_error;  // no extension uses these
    const bool rsv1 = (first & 0x40) != 0;
    if ((second & 0x80) == 0) return CloseCode::protocol_error;  // section 5.1: clients mask
    opcode_ = static_cast<Opcode>(first & 0x0F);

    const unsigned short_length = second & 0x7FU;
    const std::size_t extended = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
    std::uint64_t length = extended == 0 ? short_length : 0;
    for (std::size_t i = 0; i < extended; ++i) {
        length = length << 8 | static_cast<unsigned char>(header_[2 + i]);
    }
    const bool shorter_would_do =
        (extended == 2 && length < 126) || (extended == 8 && length <= 0xFFFF);
    if (shorter_would_do || length >> 63 != 0) return CloseCode::protocol_error;
    std::copy_n(header_.begin() + 2 + static_cast<std::ptrdiff_t>(extended), 4, mask_.begin());

    // RFC 7692 section 6: on the first frame of a message alone, where it was agreed on.
    const bool starts_message = opcode_ == Opcode::text || opcode_ == Opcode::binary;
    if (rsv1 && (inflater_ == nullptr || !starts_message)) return CloseCode::protocol_error;

    switch (opcode_) {
        case Opcode::close:
        case Opcode::ping:
        case Opcode::pong:
            if (!final_ || length > max_control_payload) return CloseCode::protocol_error;
            break;
        case Opcode::text:
        case Opcode::binary:
            if (fragmented_) return CloseCode::protocol_error;
            message_opcode_ = opcode_;
            message_size_ = length;
            deflated_ = rsv1;
            utf8_.reset();
            break;
        case Opcode::continuation:
            if (!fragmented_) return CloseCode::protocol_error;
            message_size_ += length;
            break;
        default:
            return CloseCode::protocol_error;
    }
    if (!is_control(opcode_) && (length > longest_payload() || message_size_ > longest_payload())) {
        return CloseCode::message_too_big;
    }
    frame_size_ = remaining_ = length;
    mask_at_ = 0;
    header_have_ = 0;
    return std::nullopt;
}

std::optional<CloseCode> FrameParser::take_payload(std::span<char> piece, FrameHandler& handler) {
    mask_at_ = unmask(piece, mask_, mask_at_);
    const std::string_view bytes(piece.data(), piece.size());
    const bool whole_frame = remaining_ == piece.size();
    remaining_ -= piece.size();

    if (is_control(opcode_)) {
        if (whole_frame && control_.empty()) return end_control(bytes, handler);
        control_ += bytes;
        if (remaining_ != 0) return std::nullopt;
        const std::string payload = std::exchange(control_, {});
        return end_control(payload, handler);
    }

    if (message_opcode_ == Opcode::text && !deflated_ && !utf8_.feed(bytes)) {
        return CloseCode::invalid_payload;
    }
    // The usual message is whole in what was read: passed on where it lies.
    if (whole_frame && final_ && message_.empty()) return end_frame(bytes, handler);
    message_ += bytes;
    if (remaining_ != 0) return std::nullopt;
    return end_frame(message_, handler);
}

// What does not compress, deflating makes a little longer: five bytes for each block.
std::size_t FrameParser::longest_payload() const {
    return deflated_ ? max_message_bytes_ + max_message_bytes_ / 1024 + 64 : max_message_bytes_;
}

std::optional<CloseCode> FrameParser::end_frame(std::string_view whole, FrameHandler& handler) {
    state_ = State::header;
    fragmented_ = !final_;
    if (!final_) {
        handler.on_fragment(static_cast<std::size_t>(frame_size_));
        return std::nullopt;
    }
    if (deflated_) {
        if (const auto violation = end_deflated(whole, handler)) return violation;
    } else {
        if (message_opcode_ == Opcode::text && !utf8_.complete()) return CloseCode::invalid_payload;
        handler.on_message(message_opcode_, whole);
    }
    message_.clear();
    if (message_.capacity() > kept_capacity) std::string().swap(message_);
    return std::nullopt;
}

std::optional<CloseCode> FrameParser::end_deflated(std::string_view whole, FrameHandler& handler) {
    const auto [outcome, message] = inflater_->inflate(whole, max_message_bytes_);
    if (outcome == Inflation::too_big) return CloseCode::message_too_big;
    if (outcome == Inflation::corrupt) return CloseCode::invalid_payload;
    if (message_opcode_ == Opcode::text && !is_utf8(message)) return CloseCode::invalid_payload;
    handler.on_message(message_opcode_, message);
    return std::nullopt;
}

std::optional<CloseCode> FrameParser::end_control(std::string_view payload, FrameHandler& handler) {
    state_ = State::header;
    if (opcode_ == Opcode::ping) {
        handler.on_ping(payload);
    } else if (opcode_ == Opcode::pong) {
        handler.on_pong(payload);
    } else {
        if (payload.empty()) {
            handler.on_close(CloseCode::no_status);
        } else {
            if (payload.size() == 1) return CloseCode::protocol_error;
            const auto code = static_cast<unsigned>(static_cast<unsigned char>(payload[0]) << 8 |
                                                    static_cast<unsigned char>(payload[1]));
            if (!may_be_sent(code)) return CloseCode::protocol_error;
            if (!is_utf8(payload.substr(2))) return CloseCode::invalid_payload;
            handler.on_close(static_cast<CloseCode>(code));
        }
        stop();  // section 5.5.1: nothing follows a close frame
    }
    return std::nullopt;
}

}  // namespace jac::cloud
