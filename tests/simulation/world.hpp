#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "peer.hpp"
#include "port.hpp"
#include "protocol/reply.hpp"
#include "pubsub/session.hpp"
#include "seeded_random.hpp"

namespace jac::cloud::simulation {

// A fault that the world puts between the parts under test, to show that it would be found.
enum class Defect { none, lose, twice, swap, forget_revocation, leak };

// Some shards with their hubs, sessions and outboxes, on a clock and a network of this object's
// own. A seed decides all that happens: clients come, go, publish, are slow, die, change their
// user; walkers notify and end; tokens expire and are revoked. A model beside it, which knows no
// hub, says which texts each client must be sent, in which order.
class World {
  public:
    explicit World(std::uint32_t seed, Defect defect = Defect::none);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Lives through it. Throws std::runtime_error at the first difference from the model.
    void run();

  private:
    struct Shard {
        Shard(unsigned index, World& world);
        std::shared_ptr<Port> port = std::make_shared<Port>();
        Hub hub;
        SessionContext context;
        std::vector<std::pair<std::uint64_t, Revocation>> revocations;  // it was told, with counts
    };

    struct Token {
        Identity identity;  // its claims with checked_at 0
        bool revoked = false;
    };

    struct Event {
        enum class Kind { publish, walker, change_user, connection } kind;
        std::string text;
        TargetKind targets = TargetKind::channel;
        std::vector<std::string> names{};
        std::string payload{};
    };

    // A client, its connection, and the model of what it is to be sent.
    struct Member {
        unsigned shard = 0;
        std::unique_ptr<SimulatedSession> session;
        std::string client_id;
        std::string channel;
        Identity identity;
        std::uint32_t generation = 1;
        bool busy = false;
        bool lost = false;  // its identity
        std::deque<Event> held;
        std::vector<std::string> expected;

        enum class Kind { prompt, slow, dead } kind = Kind::prompt;
        FrameStream stream;
        std::deque<std::string> unsent;  // while its connection is not read
        std::size_t read = 0;            // of what is expected
        unsigned close_code = 0;         // of the close frame it has read
        bool gone = false;               // the client has ended the connection
        bool asked_to_close = false;
        std::vector<AskedToken> asked;
    };

    // What happens.
    void step();
    void join();
    void leave();
    void send_event(Member& member);
    void notify();
    void end_walker();
    void answer_token();
    void revoke();
    void misbehave();
    void pass_time();
    void run_shard(Shard& shard);
    void end_turn(Shard& shard);
    void read_wires();
    void finish();

    // How it is done.
    void say(Member& member, Event event);
    void send_bytes(Member& member, std::string bytes);
    void push_unsent(Member& member);
    void read_wire(Member& member);
    void hang_up(Member& member);
    Event random_event();
    std::vector<std::string> random_names(TargetKind kind);
    Token& random_token();
    void take(Shard& shard, Port::Letter letter);

    // The model.
    void model_event(Member& member, const Event& event);
    void model_resume(Member& member);
    void model_publish(unsigned shard, const Targets& targets, const std::string& payload);
    void check_posted(const Targets& targets, const std::function<void()>& publish,
                      std::optional<unsigned> own_shard);
    bool is_target(const Member& member, const Targets& targets) const;
    void lose_identities(unsigned shard, const std::function<bool(const Claims&)>& which);
    bool revoked_since(const Member& member, const Identity& identity) const;
    void check_bounds() const;
    [[noreturn]] void fail(const std::string& what) const;

    unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }
    bool chance(unsigned one_in) { return pick(one_in) == 0; }
    Member* random_member(const std::function<bool(const Member&)>& suits);

    std::uint32_t seed_;
    Defect defect_;
    SeededRandom random_;
    Config config_;
    LogSink log_;
    Limits limits_{log_};
    LocalBroker broker_;
    TimePoint now_{std::chrono::hours(1)};
    std::int64_t unix_now_ = 1'000'000;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::vector<std::unique_ptr<Member>> members_;
    std::map<std::string, Token> tokens_;
    std::uint64_t revocations_ = 0;
    std::uint64_t last_number_ = 0;
    unsigned last_message_ = 0;
    unsigned step_ = 0;
};

}  // namespace jac::cloud::simulation
