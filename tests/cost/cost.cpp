// The hot path's work, by itself, for tools/costs.py to count the instructions of.
// usage: jac_cost compiler | list | NAME

#include <array>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frames.hpp"
#include "tested_session.hpp"

namespace jac::cloud {

// What is counted: everything that this calls, in all that is linked into the program.
[[gnu::noinline]] void measured(const std::function<void()>& turn, int times) {
    for (int i = 0; i < times; ++i) turn();
}

namespace {

constexpr int turns = 400;
// Turns that are not counted: they make the buffers.
constexpr int warm_turns = 20;

// A socket that takes all that is sent.
void take_all(Outbox& outbox) {
    std::array<std::string_view, 64> views;
    while (const auto count = outbox.front(views)) {
        std::size_t bytes = 0;
        for (std::size_t i = 0; i < count; ++i) bytes += views[i].size();
        outbox.consume(bytes);
    }
}

class Member final : public Subscriber {
  public:
    using Subscriber::Subscriber;
    void flush() override { take_all(outbox()); }
    std::size_t write_now(std::string_view bytes) override { return bytes.size(); }
    void lose_identity() override {}
};

class Client final : public TestedSession {
  public:
    using TestedSession::TestedSession;
    void flush() override { take_all(outbox()); }
};

// A shard that takes what comes at once.
class DirectPort final : public ShardPort {
  public:
    explicit DirectPort(Hub& hub) : hub_(hub) {}
    bool deliver(Delivery delivery) override {
        hub_.deliver(delivery);
        hub_.flush();
        return true;
    }
    bool post(std::function<void()>) override { return false; }

  private:
    Hub& hub_;
};

// One shard without sockets.
struct World {
    LocalBroker broker;
    Hub hub{0, broker.directory()};
    std::vector<std::unique_ptr<Member>> members;

    explicit World(int count) {
        for (int i = 0; i < count; ++i) {
            const std::uint64_t number = members.size() + 1;
            members.push_back(std::make_unique<Member>(number, "client" + std::to_string(i),
                                                       "a-channel", Identity{}, 1U << 20));
            hub.join(*members.back());
        }
    }
    ~World() {
        for (const auto& member : members) hub.leave(*member);
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;
};

struct Ignore final : FrameHandler {
    void on_message(Opcode, std::string_view) override {}
    void on_ping(std::string_view) override {}
    void on_pong(std::string_view) override {}
    void on_close(CloseCode) override {}
};

// The data of an event.
std::string some_data() {
    return R"({"text":")" + std::string(100, 'x') + R"(","number":12345,"list":[1,2]})";
}

std::string event(const std::string& type, const std::string& target) {
    return R"({"type":")" + type + R"(",")" + type + R"(_ids":[")" + target + R"("],"data":)" +
           some_data() + "}";
}

void count(const std::function<void()>& turn) {
    for (int i = 0; i < warm_turns; ++i) turn();
    measured(turn, turns);
}

void parser() {
    Ignore handler;
    FrameParser parser(std::size_t{1} << 20);
    std::string sent;
    for (int i = 0; i < 10; ++i) sent += text_frame(event("channel", "a-channel"));
    std::string buffer = sent;  // unmasked in place
    count([&] {
        buffer.assign(sent);
        parser.feed(buffer, handler);
    });
}

void reader() {
    EventReader events({64, 1000});
    const auto text = event("channel", "a-channel");
    count([&] { events.read(text, true); });
}

void framing() {
    Arena arena;
    const auto data = some_data();
    count([&] {
        for (int i = 0; i < 10; ++i) arena.append_frame(Opcode::text, data);
        arena.rewind();
    });
}

void publish_to(const std::vector<std::string_view>& channels) {
    World world(100);
    const auto data = some_data();
    const Targets everyone(TargetKind::channel, channels);
    count([&] {
        for (int i = 0; i < 4; ++i) world.hub.publish(everyone, data);
        world.hub.flush();
    });
}

// Of one channel, so that its members are walked through once.
void hub() {
    publish_to({"a-channel"});
}

// Each message is put into each outbox.
void outbox() {
    publish_to({"a-channel", "another-channel"});
}

void notify() {
    World world(100);
    world.broker.attach(std::make_shared<DirectPort>(world.hub));
    const std::vector<std::string_view> everyone{"a-channel"};
    const auto data = some_data();
    count([&] {
        world.broker.publish(std::make_shared<const Publication>(Publication{
            Targets(TargetKind::channel, everyone), std::make_shared<const Message>(data)}));
    });
}

void echo() {
    World world(0);
    Config config;
    config.message_rate = 0;
    LogSink log;
    world.broker.attach(std::make_shared<DirectPort>(world.hub));
    Limits limits(log);
    auto context = session_context(config, limits, world.broker, world.hub, nullptr);
    Client client(context, 1, "0123456789abcdef01234567", "a-channel", {});
    client.open("HEAD");
    const auto sent = text_frame(event("client", client.client_id()));
    std::string buffer = sent;
    count([&] {
        buffer.assign(sent);
        client.receive(buffer);
        world.hub.flush();
    });
    client.lost();
}

using Works = std::map<std::string, void (*)()>;

Works all_works() {
    return {{"parser", parser}, {"reader", reader}, {"framing", framing}, {"hub", hub},
            {"outbox", outbox}, {"notify", notify}, {"echo", echo}};
}

void print_compiler() {
#ifdef __clang__
    std::printf("clang %d.%d.%d", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
    std::printf("gcc %d.%d.%d", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
#ifdef __x86_64__
    std::puts(" x86_64");
#else
    std::puts(" another");
#endif
}

}  // namespace
}  // namespace jac::cloud

int main(int count, char** words) {
    using namespace jac::cloud;
    const auto works = all_works();
    const std::string name = count == 2 ? words[1] : "";
    if (name == "compiler") {
        print_compiler();
    } else if (name == "list") {
        for (const auto& [each, work] : works) std::puts(each.c_str());
    } else if (const auto found = works.find(name); found != works.end()) {
        found->second();
    } else {
        std::fputs("usage: jac_cost compiler | list | NAME\n", stderr);
        return 2;
    }
}
