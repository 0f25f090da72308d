// Does what a sanitizer is there to see: a test of `make sanitize` itself.
// usage: jac_faulty race|leak|overflow|undefined
#include <limits>
#include <string_view>
#include <thread>

#include "pubsub/arena.hpp"

namespace {

using namespace jac::cloud;

// An arena is one thread's own.
void race() {
    Arena arena;
    const auto write = [&arena] {
        for (int i = 0; i < 1000; ++i) arena.append_bytes("shared");
    };
    std::thread other(write);
    write();
    other.join();
}

void leak() {
    Arena arena;
    for (int i = 0; i < 100; ++i) {
        auto* const lost = new Slice(arena.append_bytes("lost"));
        lost->size = 0;
    }
}

// A block takes what has room in it.
void overflow(std::string_view text) {
    Block block(text.size() - 1);
    block.append(text);
}

int undefined() {
    volatile int most = std::numeric_limits<int>::max();
    return most + 1;
}

}  // namespace

int main(int, char** arguments) {
    const std::string_view what = arguments[1];
    if (what == "race") race();
    if (what == "leak") leak();
    if (what == "overflow") overflow(what);
    if (what == "undefined") return undefined() == 0 ? 1 : 0;
    return 0;
}
