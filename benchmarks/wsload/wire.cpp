#include "wire.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <random>

namespace jac::cloud::bench {

void append_frame(std::string& out, std::string_view payload, Opcode opcode) {
    static std::minstd_rand random;
    const auto drawn = static_cast<std::uint32_t>(random());
    std::array<char, 4> mask{};
    std::memcpy(mask.data(), &drawn, mask.size());

    constexpr int masked = 0x80;
    const std::size_t size = payload.size();
    out.push_back(static_cast<char>(0x80 | static_cast<int>(opcode)));
    int length_bytes = 0;
    if (size < 126) {
        out.push_back(static_cast<char>(masked | static_cast<int>(size)));
    } else {
        length_bytes = size < 65536 ? 2 : 8;
        out.push_back(static_cast<char>(masked | (length_bytes == 2 ? 126 : 127)));
    }
    for (int i = length_bytes - 1; i >= 0; --i) {
        out.push_back(static_cast<char>(static_cast<std::uint64_t>(size) >> (8 * i)));
    }
    out.append(mask.data(), mask.size());
    const std::size_t begin = out.size();
    out.append(payload);
    for (std::size_t i = 0; i < size; ++i) out[begin + i] ^= mask[i & 3];
}

bool parse_frame(std::string_view bytes, Frame& frame) {
    if (bytes.size() < 2) return false;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    std::uint64_t length = byte(1) & 0x7f;
    const std::size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    const std::size_t header = 2 + length_bytes;
    if (bytes.size() < header) return false;
    if (length_bytes > 0) length = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) length = length << 8 | byte(2 + i);
    if (bytes.size() - header < length) return false;
    frame = {.opcode = static_cast<Opcode>(byte(0) & 0x0f),
             .final = (byte(0) & 0x80) != 0,
             .payload = bytes.substr(header, length),
             .size = header + length};
    return true;
}

bool parse_response(std::string_view bytes, Frame& frame) {
    constexpr std::string_view end_of_head = "\r\n\r\n";
    constexpr std::string_view length_name = "content-length: ";
    const auto head = bytes.find(end_of_head);
    if (head == std::string_view::npos) return false;
    const auto is_name = [](char got, char wanted) { return (got | 0x20) == (wanted | 0x20); };
    const auto fields = bytes.substr(0, head);
    const auto at =
        std::search(fields.begin(), fields.end(), length_name.begin(), length_name.end(), is_name);
    std::size_t size = head + end_of_head.size();
    if (at != fields.end()) {
        std::size_t length = 0;
        const char* const digits = fields.data() + (at - fields.begin()) + length_name.size();
        std::from_chars(digits, fields.data() + fields.size(), length);
        size += length;
    }
    if (bytes.size() < size) return false;
    frame = {.opcode = Opcode::text, .final = true, .payload = bytes.substr(0, size), .size = size};
    return true;
}

std::string Stamp::text() const {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text(mark);
    for (int shift = 60; shift >= 0; shift -= 4) text += digits[(sent_ns >> shift) & 15];
    for (int shift = 28; shift >= 0; shift -= 4) text += digits[(sequence >> shift) & 15];
    return text;
}

Stamp Stamp::parse(std::string_view text) {
    Stamp stamp;
    const char* time = text.data() + mark.size();
    std::from_chars(time, time + 16, stamp.sent_ns, 16);
    std::from_chars(time + 16, time + 24, stamp.sequence, 16);
    return stamp;
}

std::string stamped_object(Stamp stamp, int bytes) {
    constexpr int without_padding = 41;
    std::string object = "{\"m\":\"" + stamp.text() + "\",\"p\":\"";
    object.append(static_cast<std::size_t>(std::max(0, bytes - without_padding)), 'x');
    object += "\"}";
    return object;
}

std::string string_field(std::string_view json, std::string_view name) {
    const auto key = json.find("\"" + std::string(name) + "\"");
    if (key == std::string_view::npos) return "";
    const auto colon = json.find(':', key);
    if (colon == std::string_view::npos) return "";
    const auto open = json.find('"', colon);
    if (open == std::string_view::npos) return "";
    const auto close = json.find('"', open + 1);
    return close == std::string_view::npos ? ""
                                           : std::string(json.substr(open + 1, close - open - 1));
}

}  // namespace jac::cloud::bench
