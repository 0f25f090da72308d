#pragma once

#include <chrono>
#include <thread>

namespace jac::cloud {

// Waits for a condition; the test's own limit of time ends it where that does not come.
template <class Condition>
void until(Condition condition) {
    while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace jac::cloud
