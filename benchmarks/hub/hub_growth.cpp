// What it costs to subscribe, by the number of channels: sessions join a hub, each a channel of its
// own, until there are as many as asked for. No sockets, since a machine has not a million ports.
// usage: hub_growth MOST; prints a line of JSON at each power of ten, and at three times each
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "pubsub/hub.hpp"

namespace {

using namespace jac::cloud;

class Member final : public Subscriber {
  public:
    using Subscriber::Subscriber;
    void flush() override {}
    void lose_identity() override {}
};

double processor_seconds() {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

void grow(Hub& hub, std::vector<std::unique_ptr<Member>>& members, std::size_t until) {
    // Made before the clock starts: a session is there already when it subscribes.
    const std::size_t already = members.size();
    while (members.size() < until) {
        const auto name = std::to_string(members.size());
        members.push_back(std::make_unique<Member>(members.size() + 1, "client" + name,
                                                   "channel" + name, Identity{}, 1U << 20));
    }
    const double start = processor_seconds();
    for (std::size_t i = already; i < until; ++i) hub.join(*members[i]);
    const double joined = processor_seconds() - start;
    std::printf("{\"n\":%zu,\"joins\":%zu,\"joins_s\":%.6f}\n", until, until - already, joined);
}

}  // namespace

int main(int count, char** words) {
    const auto most = count > 1 ? std::strtoull(words[1], nullptr, 10) : 1'000'000ULL;
    LocalBroker broker;
    Hub hub(0, broker.directory());
    std::vector<std::unique_ptr<Member>> members;
    for (std::size_t step = 1; step <= most; step *= 10) {
        grow(hub, members, step);
        if (step * 3 <= most) grow(hub, members, step * 3);
    }
    for (const auto& member : members) hub.leave(*member);
    return hub.empty() ? 0 : 1;
}
