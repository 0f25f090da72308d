#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace jac::cloud::bench {

struct Connection {
    enum class State : std::uint8_t { connecting, handshake, setup, ready, dead };

    int fd = -1;
    State state = State::connecting;
    bool subscriber = false;
    bool publisher = false;
    bool stalled = false;  // never reads
    bool waits_to_write = false;
    std::string in;
    std::string out;
    std::string client_id;
    std::deque<std::uint64_t> sent_ns;  // of the requests in flight
};

}  // namespace jac::cloud::bench
