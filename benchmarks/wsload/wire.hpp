#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jac::cloud::bench {

enum class Opcode : std::uint8_t { text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

// Appends one masked client frame, whole (RFC 6455, section 5.2).
void append_frame(std::string& out, std::string_view payload, Opcode opcode = Opcode::text);

// A frame from the server that has wholly arrived.
struct Frame {
    Opcode opcode;
    bool final;
    std::string_view payload;
    std::size_t size;  // header and payload
};

// Reads the first frame of bytes; false when it has not wholly arrived.
bool parse_frame(std::string_view bytes, Frame& frame);

// Reads the first response of HTTP/1.1 in bytes, by its Content-Length; false when it has not
// wholly arrived. The payload is all of it.
bool parse_response(std::string_view bytes, Frame& frame);

// When a message was built and which one it is: "@T", 16 hex digits of nanoseconds, 8 of the
// number.
struct Stamp {
    static constexpr std::string_view mark = "@T";
    static constexpr std::size_t size = 26;

    std::uint64_t sent_ns = 0;
    std::uint32_t sequence = 0;

    std::string text() const;
    static Stamp parse(std::string_view text);
};

// Calls visit(position) for each stamp in a message, which may hold several.
template <typename Visitor>
void for_each_stamp(std::string_view message, Visitor visit) {
    for (auto at = message.find(Stamp::mark);
         at != std::string_view::npos && at + Stamp::size <= message.size();
         at = message.find(Stamp::mark, at + Stamp::size)) {
        visit(message.substr(at, Stamp::size));
    }
}

// {"m":STAMP,"p":"xxx"}, padded to this many bytes.
std::string stamped_object(Stamp stamp, int bytes);

// The value of the first string field of this name anywhere in a JSON text; "" without one.
std::string string_field(std::string_view json, std::string_view name);

}  // namespace jac::cloud::bench
