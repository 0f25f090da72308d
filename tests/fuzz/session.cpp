// Two sessions of one hub, one of them fuzzed: an input is a row of texts that its client sends,
// with bytes below 8 between them for what else happens. Whatever comes, each answer is one object
// of JSON with a type, and nobody is left in the tables.
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "check.hpp"
#include "frames.hpp"
#include "tested_session.hpp"

namespace jac::cloud::fuzz {

namespace {

class Port final : public ShardPort {
  public:
    bool deliver(Delivery) override { return true; }
    bool post(std::function<void()>) override { return true; }
};

class FuzzedSession final : public TestedSession {
  public:
    using TestedSession::TestedSession;

    void flush() override {
        end_if_overflowed();
        std::array<std::string_view, 4> views;
        while (stuck ? false : outbox().front(views) != 0) {
            sent += views[0];
            outbox().consume(views[0].size());
        }
        outbox().settle();
    }

    std::string sent;
    bool stuck = false;
};

class World {
  public:
    World() {
        config_.outbox_bytes = 4096;
        config_.max_message_bytes = 2000;
        config_.held_events = 4;
        config_.message_burst = 50;
        broker_.attach(port_);
        for (auto& session : sessions_) {
            const auto number = ++last_number_;
            session = std::make_unique<FuzzedSession>(
                context_, number, "client" + std::to_string(number), "room", Identity{});
            session->open("");
        }
        hub_.flush();
    }

    void live(std::string_view input) {
        while (!input.empty()) {
            const auto end = std::min(input.find_first_of(std::string_view("\0\1\2\3\4\5\6\7", 8)),
                                      input.size());
            if (end != 0) sessions_[0]->receive(bytes_ = text_frame(input.substr(0, end)));
            if (end < input.size()) happen(static_cast<unsigned char>(input[end]));
            hub_.flush();
            check_answers();
            input.remove_prefix(std::min(end + 1, input.size()));
        }
    }

    void end() {
        for (auto& session : sessions_) {
            session->close(CloseCode::going_away);
            hub_.flush();
        }
        check_answers();
        for (auto& session : sessions_) session.reset();
        check(hub_.empty(), "the tables are empty");
        const auto sizes = broker_.directory().sizes();
        check(sizes.clients + sizes.users + sizes.channels == 0, "and the directory");
        check(hub_.counters().outbox_bytes.value() == 0, "and nothing waits");
    }

  private:
    void happen(unsigned what) {
        auto& session = *sessions_[0];
        switch (what) {
            case 1:
                if (session.walkers.empty()) break;
                session.walkers.pop_front();
                session.walker_done(R"({"type":"walker"})");
                break;
            case 2:
                if (session.tokens.empty()) break;
                session.tokens.pop_front();
                session.token_checked(Identity{{0, 7}, true});
                break;
            case 3:
                if (session.tokens.empty()) break;
                session.tokens.pop_front();
                session.token_checked(TokenProblem::invalid);
                break;
            case 4:
                context_.now += std::chrono::seconds(15);
                if (session.deadline() <= context_.now) session.on_deadline();
                break;
            case 5:
                session.stuck = !session.stuck;
                session.flush();
                break;
            case 6:
                session.receive(bytes_ = ClientFrame{.opcode = 0x9, .payload = "ping"}.bytes());
                break;
            case 7:
                session.drain();
                break;
            default:
                break;
        }
    }

    void check_answers() {
        for (auto& session : sessions_) {
            for (const auto& frame : read_server_frames(std::exchange(session->sent, {}))) {
                if (frame.opcode != Opcode::text) continue;
                const auto message = nlohmann::json::parse(frame.payload, nullptr, false);
                check(message.is_object() || holds_a_huge_number(frame.payload), "an object");
            }
        }
    }

    // What is sent on as it came may hold one that nlohmann/json takes for none.
    static bool holds_a_huge_number(std::string_view text) { return nlohmann::json::accept(text); }

    Config config_;
    LogSink log_;
    Limits limits_{log_};
    LocalBroker broker_;
    std::shared_ptr<Port> port_ = std::make_shared<Port>();
    Hub hub_{0, broker_.directory()};
    SessionContext context_ =
        session_context(config_, limits_, broker_, hub_, port_, {{"w", false}, {"closed", true}});
    std::array<std::unique_ptr<FuzzedSession>, 2> sessions_;
    std::string bytes_;
    std::uint64_t last_number_ = 0;
};

}  // namespace

void run(std::string_view input) {
    World world;
    world.live(input);
    world.end();
}

}  // namespace jac::cloud::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    jac::cloud::fuzz::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
