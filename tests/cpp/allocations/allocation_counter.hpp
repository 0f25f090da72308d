#pragma once

#include <cstddef>

namespace jac::cloud::test {

// This program's malloc and its kin, which operator new calls too, count each call (see the .cpp).
// A test's own thread is left out by having one of these in its scope.
class NotCounted {
  public:
    NotCounted() noexcept;
    ~NotCounted();
    NotCounted(const NotCounted&) = delete;
    NotCounted& operator=(const NotCounted&) = delete;
};

// Allocations since the process began, of all threads that count. Any thread.
std::size_t allocations() noexcept;

// Of the calling thread, whether it counts or not.
std::size_t allocations_of_this_thread() noexcept;

// Bytes allocated and not freed, with what the allocator rounds up. Of all threads. Any thread.
std::size_t live_bytes() noexcept;

// From now on, the stacks of the first few are kept. Any thread.
void keep_stacks() noexcept;
// Prints those to the standard error stream, as addresses for addr2line.
void print_stacks();

}  // namespace jac::cloud::test
