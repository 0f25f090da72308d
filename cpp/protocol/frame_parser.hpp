#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/close_code.hpp"
#include "deflate/inflater.hpp"
#include "protocol/frame.hpp"
#include "protocol/utf8.hpp"

namespace jac::cloud {

// What a FrameParser finds. The views last until the call returns.
class FrameHandler {
  public:
    virtual ~FrameHandler() = default;
    // A whole message, inflated: text is UTF-8.
    virtual void on_message(Opcode opcode, std::string_view payload) = 0;
    // A fragment that does not end its message.
    virtual void on_fragment(std::size_t /*bytes*/) {}
    virtual void on_ping(std::string_view payload) = 0;
    virtual void on_pong(std::string_view payload) = 0;
    // The peer's close frame; its code is no_status when it has none.
    virtual void on_close(CloseCode code) = 0;
};

// Reads what a client sends on a WebSocket (RFC 6455 section 5): whole or fragmented messages up to
// a size, with control frames between. Knows no socket. Strict: anything the RFC forbids a client
// is a violation. With an inflater, messages may be compressed, each by itself (RFC 7692); it may
// be shared by the parsers of one thread.
class FrameParser {
  public:
    explicit FrameParser(std::size_t max_message_bytes, Inflater* inflater = nullptr)
        : max_message_bytes_(max_message_bytes), inflater_(inflater) {}

    // Takes the next bytes, unmasking them in place, and calls the handler for what they complete.
    // Returns the code to close with at the first violation; nothing may be fed after that.
    std::optional<CloseCode> feed(std::span<char> bytes, FrameHandler& handler);

    // Whether a message has begun and not ended: the clock of message_timeout runs.
    bool inside_message() const noexcept {
        if (state_ == State::stopped) return false;
        return fragmented_ || (state_ == State::payload && !is_control(opcode_));
    }

    // From now on feed() passes nothing on.
    void stop() noexcept { state_ = State::stopped; }

  private:
    enum class State : std::uint8_t { header, payload, stopped };

    std::size_t header_size() const;
    std::optional<CloseCode> read_header();
    std::optional<CloseCode> take_payload(std::span<char> piece, FrameHandler& handler);
    std::size_t longest_payload() const;
    std::optional<CloseCode> end_frame(std::string_view whole, FrameHandler& handler);
    std::optional<CloseCode> end_deflated(std::string_view whole, FrameHandler& handler);
    std::optional<CloseCode> end_control(std::string_view payload, FrameHandler& handler);

    const std::size_t max_message_bytes_;
    Inflater* const inflater_;
    std::string message_;  // what has arrived of a message (or control frame) that came in pieces
    std::string control_;
    std::uint64_t frame_size_ = 0;    // of its payload
    std::uint64_t remaining_ = 0;     // of that, still to come
    std::uint64_t message_size_ = 0;  // of all fragments announced so far
    Utf8Validator utf8_;
    std::array<char, 14> header_{};
    std::array<char, 4> mask_{};
    std::uint8_t header_have_ = 0;
    std::uint8_t mask_at_ = 0;
    State state_ = State::header;
    Opcode opcode_ = Opcode::text;          // of the frame
    Opcode message_opcode_ = Opcode::text;  // of the message its fragments belong to
    bool final_ = false;
    bool fragmented_ = false;  // between the first and the last fragment
    bool deflated_ = false;    // the message is
};

}  // namespace jac::cloud
