// A server that echoes, for the conformance suite. Prints its port, serves until its standard input
// ends. usage: jac_echo_server [deflate]
#include <iostream>
#include <string>
#include <string_view>

#include "server/server.hpp"

int main(int count, char** arguments) {
    using namespace jac::cloud;
    Config config;
    config.port = 0;
    config.io_threads = 1;
    config.permessage_deflate = count > 1 && std::string_view(arguments[1]) == "deflate";
    config.deflate_min_bytes = 1;
    // The suite sends messages of 16 MiB, and many at once.
    config.max_message_bytes = std::size_t{64} << 20;
    config.outbox_bytes = std::size_t{256} << 20;
    config.message_rate = 0;
    config.ping_interval = 0;
    Server server(config);
    server.start();
    std::cout << server.port() << '\n' << std::flush;
    std::string line;
    while (std::getline(std::cin, line)) {
    }
    server.stop(std::chrono::seconds{5});
}
