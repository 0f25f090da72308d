// wsload: a WebSocket load generator in one thread. benchmarks/README.md explains its options.
#include <cstdio>
#include <exception>
#include <stdexcept>

#include "load.hpp"

int main(int argc, char** argv) {
    using namespace jac::cloud::bench;
    try {
        const Options options = parse_options(argc, argv);
        Load load(options);
        std::puts(load.run().c_str());
        return load.all_connected() ? 0 : 1;
    } catch (const std::invalid_argument& wrong_option) {
        std::fprintf(stderr, "wsload: %s\n", wrong_option.what());
        return 2;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "wsload: %s\n", failure.what());
        return 1;
    }
}
