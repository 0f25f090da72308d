#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frames.hpp"
#include "tested_session.hpp"

namespace jac::cloud::simulation {

// A token that the session of a shard waits to have checked.
struct AskedToken {
    std::string token;
    std::uint64_t revocations;
};

// A session whose socket is a string: what it sends waits on the wire until the client reads it.
class SimulatedSession final : public TestedSession {
  public:
    using Subscriber::joined;
    using TestedSession::TestedSession;

    void flush() override {
        end_if_overflowed();
        write();
    }

    std::size_t write_now(std::string_view bytes) override {
        if (ended() || wire.size() >= wire_room) return 0;
        const auto taken = bytes.substr(0, wire_room - wire.size());
        wire += taken;
        return taken.size();
    }

    void write() {
        std::array<std::string_view, 8> views;
        while (wire.size() < wire_room && outbox().front(views) != 0) {
            const auto piece = views[0].substr(0, wire_room - wire.size());
            wire += piece;
            outbox().consume(piece.size());
        }
        if (outbox().empty()) {
            if (ended()) lost();
        } else {
            outbox().settle();
        }
    }

    std::string wire;
    std::size_t wire_room = std::size_t{1} << 20;
};

// The frames that a client reads from its wire, in whatever pieces they come.
class FrameStream {
  public:
    void feed(std::string_view bytes) { bytes_ += bytes; }

    std::optional<ServerFrame> next() {
        if (bytes_.size() < 2) return std::nullopt;
        const auto byte = [this](std::size_t i) { return static_cast<unsigned char>(bytes_[i]); };
        std::size_t head = 2;
        std::size_t size = byte(1);
        if (size == 126) {
            head = 4;
            if (bytes_.size() < head) return std::nullopt;
            size = static_cast<std::size_t>(byte(2)) << 8 | byte(3);
        }
        if (bytes_.size() < head + size) return std::nullopt;
        auto frames = read_server_frames(std::string_view(bytes_).substr(0, head + size));
        bytes_.erase(0, head + size);
        return std::move(frames.at(0));
    }

  private:
    std::string bytes_;
};

}  // namespace jac::cloud::simulation
