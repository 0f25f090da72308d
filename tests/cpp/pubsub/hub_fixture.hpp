#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "frames.hpp"
#include "pubsub/hub.hpp"

namespace jac::cloud {

using Texts = std::vector<std::string>;

// A subscriber whose socket takes everything at the end of a turn, unless it is stuck.
class Member : public Subscriber {
  public:
    Member(std::uint64_t number, std::string channel, const Identity& identity,
           std::size_t outbox_limit = 1 << 20)
        : Subscriber(number, "client" + std::to_string(number), std::move(channel), identity,
                     outbox_limit) {}

    void flush() override {
        ++flushes;
        at_flush();
        if (stuck) return;
        std::array<std::string_view, 1000> views;
        const auto count = outbox().front(views);
        for (std::size_t i = 0; i < count; ++i) bytes_ += views[i];
        outbox().consume(outbox().bytes());
        read();
    }

    std::size_t write_now(std::string_view bytes) override {
        ++writes;
        const auto taken = bytes.substr(0, takes_at_once);
        bytes_ += taken;
        if (taken.size() == bytes.size()) read();
        return taken.size();
    }

    void lose_identity() override {}

    using Subscriber::joined;
    using Subscriber::overflowed;

    Texts received;
    int flushes = 0;
    int writes = 0;                 // from the arena
    std::size_t takes_at_once = 0;  // of each write_now()
    bool stuck = false;
    std::function<void()> at_flush = [] {};

  private:
    void read() {
        for (const auto& frame : read_server_frames(std::exchange(bytes_, {}))) {
            received.push_back(frame.payload);
        }
    }

    std::string bytes_;  // not read yet
};

inline Identity user(std::uint64_t value) {
    return {{0, value}, true};
}

inline Targets clients(const std::vector<std::string_view>& names) {
    return {TargetKind::client, names};
}
inline Targets channels(const std::vector<std::string_view>& names) {
    return {TargetKind::channel, names};
}
inline Targets users(const std::vector<std::string_view>& names) {
    return {TargetKind::user, names};
}

class HubTest : public testing::Test {
  protected:
    std::unique_ptr<Member> join(const std::string& channel, const Identity& identity = {},
                                 std::size_t outbox_limit = 1 << 20) {
        auto member = std::make_unique<Member>(++last_number_, channel, identity, outbox_limit);
        hub_.join(*member);
        return member;
    }

    // So few that the members of a channel are more than a piece in most tests.
    static constexpr std::size_t piece = 3;

    Directory directory_;
    Hub hub_{0, directory_, 1024, piece};
    std::uint64_t last_number_ = 0;
};

}  // namespace jac::cloud
