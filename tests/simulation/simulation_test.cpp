#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "world.hpp"

namespace jac::cloud::simulation {
namespace {

// The first difference that a seed shows, "" for none.
std::string difference(std::uint32_t seed, Defect defect = Defect::none) {
    try {
        World(seed, defect).run();
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "";
}

// How many of the first seeds show the defect.
int found_in(Defect defect) {
    int found = 0;
    for (std::uint32_t seed = 1; seed <= 50; ++seed)
        found += difference(seed, defect).empty() ? 0 : 1;
    return found;
}

TEST(Simulation, HubsSessionsAndOutboxesDoWhatTheModelSays) {
    for (std::uint32_t seed = 1; seed <= 300; ++seed) EXPECT_EQ(difference(seed), "") << seed;
}

TEST(Simulation, ASeedIsTheSameEachTime) {
    std::string first;
    for (std::uint32_t seed = 1; first.empty(); ++seed) {
        first = difference(seed, Defect::lose);
        EXPECT_EQ(difference(seed, Defect::lose), first);
    }
}

TEST(Simulation, ALostMessageIsFound) {
    EXPECT_GT(found_in(Defect::lose), 25);
}

TEST(Simulation, AMessageThatArrivesTwiceIsFound) {
    EXPECT_GT(found_in(Defect::twice), 25);
}

TEST(Simulation, MessagesThatOvertakeEachOtherAreFound) {
    EXPECT_GT(found_in(Defect::swap), 25);
}

TEST(Simulation, ARevocationThatAShardForgetsIsFound) {
    EXPECT_GT(found_in(Defect::forget_revocation), 5);
}

TEST(Simulation, ASessionThatStaysInTheTablesIsFound) {
    EXPECT_GT(found_in(Defect::leak), 25);
}

}  // namespace
}  // namespace jac::cloud::simulation
