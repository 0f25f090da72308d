#pragma once

#include <string>
#include <vector>

namespace jac::cloud::bench {

enum class Test { echo, walker, ping, fanout, idle };

// One run of wsload, as its command line says. The README beside this folder explains each.
struct Options {
    std::string host = "127.0.0.1";
    int port = 8000;
    std::string protocol = "jac";
    std::string test_name = "echo";
    Test test = Test::echo;
    std::string channel = "bench";
    std::string walker = "w";
    std::string context = R"({"val":7})";  // of each walker event
    std::string label;
    std::string path;  // empty: the protocol's own
    std::string body;  // http: of each request

    int connections = 1;
    int window = 16;         // fan-out: messages not yet delivered to all
    int publishers = 1;      // fan-out: connections that publish in turn
    int batch = 1;           // fan-out by a walker: messages of one walker event
    int depth = 1;           // echo and walker: requests in flight on each connection
    int ramp = 64;           // handshakes in flight
    int payload_bytes = 64;  // of the JSON object that is sent
    int nap_us = 0;          // sleep between turns, 0: none

    double duration_s = 3;
    double warmup_s = 0.5;
    double settle_s = 1;
    double connect_timeout_s = 60;
    double drain_s = 5;         // fan-out: the longest wait for what is still on its way
    double rate = 0;            // messages/s whatever happens, 0: closed loop
    double stall_fraction = 0;  // of the subscribers, which never read
    int stall_rcvbuf_bytes = 4096;
    int sources = 1;  // loopback addresses to connect from: 127.0.0.1 and those after it

    bool timeline = false;
    bool published_by_walker = false;  // fan-out: a walker notifies the channel
    std::vector<int> server_pids;

    bool is_request_test() const { return !is_fanout() && !is_idle(); }
    bool is_fanout() const { return test == Test::fanout; }
    bool is_idle() const { return test == Test::idle; }
};

// Throws std::invalid_argument with one line that says what is wrong.
Options parse_options(int argc, char** argv);

}  // namespace jac::cloud::bench
