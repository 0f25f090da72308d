// usage: jac_simulate [first seed] [count]
// Lives through that many seeds; prints each that fails, and why. One alone: jac_simulate SEED 1.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include "world.hpp"

int main(int count, char** arguments) {
    using jac::cloud::simulation::World;
    const auto number = [&](int index, unsigned long otherwise) {
        return count > index ? std::strtoul(arguments[index], nullptr, 10) : otherwise;
    };
    const auto first = number(1, 1);
    const auto seeds = number(2, 10'000);
    unsigned long failed = 0;
    for (auto seed = first; seed < first + seeds; ++seed) {
        try {
            World(static_cast<std::uint32_t>(seed)).run();
        } catch (const std::runtime_error& error) {
            ++failed;
            std::cout << "seed " << seed << ": " << error.what() << '\n' << std::flush;
        }
    }
    std::cout << seeds << " seeds from " << first << ", " << failed << " failed" << '\n'
              << std::flush;
    return failed == 0 ? 0 : 1;
}
