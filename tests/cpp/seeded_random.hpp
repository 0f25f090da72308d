#pragma once

#include <random>

namespace jac::cloud {

// The same numbers in every run, so that what fails can be repeated.
class SeededRandom : public std::mt19937 {
  public:
    explicit SeededRandom(result_type seed) : std::mt19937(seed) {}
};

}  // namespace jac::cloud
