// The frame parser, compression included: what it finds does not depend on the pieces in which the
// bytes came, and keeps to the limits. The first two bytes of an input say how it is cut.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "protocol/frame_parser.hpp"

namespace jac::cloud::fuzz {

namespace {

constexpr std::size_t max_message_bytes = 300;

struct Found {
    char kind;
    std::string payload;
    friend bool operator==(const Found&, const Found&) = default;
};

class Collector final : public FrameHandler {
  public:
    std::vector<Found> found;
    bool closed = false;

    void on_message(Opcode opcode, std::string_view payload) override {
        check(opcode == Opcode::text || opcode == Opcode::binary, "a message's opcode");
        check(payload.size() <= max_message_bytes, "a message's size");
        if (opcode == Opcode::text) check(is_utf8_elsewhere(payload), "a text is UTF-8");
        add(opcode == Opcode::text ? 't' : 'b', payload);
    }
    void on_ping(std::string_view payload) override { control('p', payload); }
    void on_pong(std::string_view payload) override { control('q', payload); }
    void on_close(CloseCode code) override {
        const auto number = static_cast<unsigned>(code);
        check(number >= 1000 && number < 5000, "a close code");
        add('c', std::to_string(number));
        closed = true;
    }

  private:
    void control(char kind, std::string_view payload) {
        check(payload.size() <= max_control_payload, "a control frame's size");
        add(kind, payload);
    }
    void add(char kind, std::string_view payload) {
        check(!closed, "nothing follows a close frame");
        found.push_back({kind, std::string(payload)});
    }
};

struct Outcome {
    std::vector<Found> found;
    std::optional<CloseCode> violation;
    bool inside_message;
    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome feed(std::string bytes, bool deflate, std::size_t first, std::size_t others) {
    Inflater inflater;
    FrameParser parser(max_message_bytes, deflate ? &inflater : nullptr);
    Collector collector;
    std::span<char> rest(bytes);
    std::optional<CloseCode> violation;
    for (auto size = first; !rest.empty() && !violation; size = others) {
        const auto piece = rest.first(std::min(size, rest.size()));
        violation = parser.feed(piece, collector);
        rest = rest.subspan(piece.size());
    }
    if (violation) parser.stop();
    return {std::move(collector.found), violation, parser.inside_message()};
}

}  // namespace

void run(Bytes input) {
    const unsigned how = input.byte();
    const bool deflate = (how & 1) != 0;
    const std::size_t first = 1 + (how >> 1);
    const std::size_t others = 1 + input.byte() % 64;
    const std::string bytes(input.rest());
    const auto whole = feed(bytes, deflate, bytes.size() + 1, 1);
    check(whole == feed(bytes, deflate, first, others), "cut in pieces it reads differently");
    check(whole == feed(bytes, deflate, 1, 1), "byte by byte it reads differently");
}

}  // namespace jac::cloud::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    jac::cloud::fuzz::run({data, size});
    return 0;
}
