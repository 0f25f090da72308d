#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "frames.hpp"
#include "pubsub/queue_port.hpp"
#include "tested_session.hpp"

namespace jac::cloud {

// A session whose socket takes all that is sent at the end of a turn, unless it is stuck, and whose
// work is handed on to the test.
class CollectingSession final : public TestedSession {
  public:
    using TestedSession::TestedSession;

    void flush() override {
        end_if_overflowed();
        if (stuck) {
            outbox().settle();
            return;
        }
        std::array<std::string_view, 64> views;
        while (const auto count = outbox().front(views)) {
            std::size_t bytes = 0;
            for (std::size_t i = 0; i < count; ++i) {
                sent_ += views[i];
                bytes += views[i].size();
            }
            outbox().consume(bytes);
        }
    }

    // The bytes sent since the last call.
    std::string take_sent() { return std::exchange(sent_, {}); }
    std::vector<ServerFrame> take_frames() { return read_server_frames(take_sent()); }

    bool stuck = false;

  private:
    std::string sent_;
};

using Texts = std::vector<std::string>;

// One shard without sockets: a test feeds its sessions, moves its clock and ends its turns.
class SessionTest : public testing::Test {
  protected:
    SessionTest() { broker_.attach(port_); }

    void TearDown() override {
        sessions_.clear();
        EXPECT_TRUE(hub_.empty());
        EXPECT_EQ(context_.counters.sessions.value(), 0U);
    }

    // An open session that has been sent its first frames.
    CollectingSession& open(std::string channel = "lobby", const Identity& identity = {},
                            int deflate_window = 0) {
        const auto number = ++last_number_;
        sessions_.push_back(
            std::make_unique<CollectingSession>(context_, number, "client" + std::to_string(number),
                                                std::move(channel), identity, deflate_window));
        auto& session = *sessions_.back();
        session.open("HEAD");
        hub_.flush();
        session.take_sent();
        return session;
    }

    void destroy(CollectingSession& session) {
        std::erase_if(sessions_, [&](const auto& owned) { return owned.get() == &session; });
    }

    // What a client sends, and the end of that turn.
    void receive(CollectingSession& session, std::string bytes) {
        session.receive(bytes);
        hub_.flush();
    }

    void say(CollectingSession& session, std::string_view text) {
        receive(session, text_frame(text));
    }

    // The texts a session is sent in answer.
    Texts ask(CollectingSession& session, std::string_view text) {
        say(session, text);
        return texts(session);
    }

    Texts texts(CollectingSession& session) {
        Texts found;
        for (const auto& frame : session.take_frames()) {
            EXPECT_EQ(frame.opcode, Opcode::text);
            found.push_back(frame.payload);
        }
        return found;
    }

    // The code of the single error in answer.
    std::string error_code(CollectingSession& session, std::string_view text) {
        const auto answers = ask(session, text);
        EXPECT_EQ(answers.size(), 1U) << text;
        return answers.empty() ? "" : nlohmann::json::parse(answers[0]).value("code", "");
    }

    // The code of the close frame that is the last thing sent; 0: none.
    static unsigned close_code(CollectingSession& session) {
        const auto frames = session.take_frames();
        if (frames.empty() || frames.back().opcode != Opcode::close) return 0;
        const auto& payload = frames.back().payload;
        return static_cast<unsigned>(static_cast<unsigned char>(payload.at(0)) << 8 |
                                     static_cast<unsigned char>(payload.at(1)));
    }

    // The walker that runs, ends.
    void walker_done(CollectingSession& session, std::string_view reply = {}) {
        session.walkers.pop_front();
        session.walker_done(reply);
        hub_.flush();
    }

    void token_checked(CollectingSession& session, const TokenAnswer& answer) {
        session.tokens.pop_front();
        session.token_checked(answer);
        hub_.flush();
    }

    // Moves the clock on and wakes the session when it asked for it, as a shard's timer would.
    void pass(CollectingSession& session, std::chrono::milliseconds time) {
        const auto until = context_.now + time;
        while (session.deadline() <= until) {
            context_.now = std::max(context_.now, session.deadline());
            const auto before = session.deadline();
            session.on_deadline();
            hub_.flush();
            ASSERT_GT(session.deadline(), before) << "would be called again and again";
        }
        context_.now = until;
    }

    // How many events, of whatever type, had this result.
    std::uint64_t events(std::optional<ReplyError> error) const {
        std::uint64_t total = 0;
        for (std::size_t type = 0; type <= EventCounters::types; ++type) {
            total += context_.counters.events.value(type, error);
        }
        return total;
    }

    static Identity user(std::uint64_t value) { return {{0, value}, true}; }

    Config config_;
    LogSink log_;
    Limits limits_{log_};
    LocalBroker broker_;
    std::shared_ptr<QueuePort> port_ = std::make_shared<QueuePort>();
    Hub hub_{0, broker_.directory()};
    SessionContext context_ = session_context(config_, limits_, broker_, hub_, port_,
                                              {{"open", false}, {"closed", true}});
    std::vector<std::unique_ptr<CollectingSession>> sessions_;
    std::uint64_t last_number_ = 0;
};

}  // namespace jac::cloud
