#include "allocation_counter.hpp"

#include <execinfo.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

// glibc's own allocator, by the names it has for those who put themselves in front of it.
// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

namespace jac::cloud::test {
namespace {

struct Stack {
    std::array<void*, 32> frames;
    int depth;
};

thread_local bool counted = true;
thread_local std::size_t of_this_thread = 0;
std::atomic<std::size_t> total;
std::atomic<std::size_t> live;
std::atomic<int> stacks_left;
std::array<Stack, 8> stacks;

// Hands on what was just allocated.
void* in_use(void* memory) noexcept {
    live.fetch_add(::malloc_usable_size(memory), std::memory_order_relaxed);
    return memory;
}

void no_longer_in_use(void* memory) noexcept {
    live.fetch_sub(::malloc_usable_size(memory), std::memory_order_relaxed);
}

void count() noexcept {
    ++of_this_thread;
    if (!counted) return;
    total.fetch_add(1, std::memory_order_relaxed);
    if (stacks_left.load(std::memory_order_relaxed) <= 0) return;
    const int place = stacks_left.fetch_sub(1) - 1;
    if (place < 0) return;
    counted = false;  // backtrace() may allocate
    auto& stack = stacks[static_cast<std::size_t>(place)];
    stack.depth = ::backtrace(stack.frames.data(), static_cast<int>(stack.frames.size()));
    counted = true;
}

}  // namespace

NotCounted::NotCounted() noexcept {
    counted = false;
}
NotCounted::~NotCounted() {
    counted = true;
}

std::size_t allocations() noexcept {
    return total.load();
}

std::size_t allocations_of_this_thread() noexcept {
    return of_this_thread;
}

std::size_t live_bytes() noexcept {
    return live.load();
}

void keep_stacks() noexcept {
    stacks_left = static_cast<int>(stacks.size());
}

void print_stacks() {
    for (const auto& stack : stacks) {
        ::backtrace_symbols_fd(stack.frames.data(), stack.depth, STDERR_FILENO);
        if (stack.depth != 0) [[maybe_unused]]
            const auto written = ::write(STDERR_FILENO, "\n", 1);
    }
}

}  // namespace jac::cloud::test

extern "C" {

using namespace jac::cloud;

void* malloc(std::size_t size) {
    test::count();
    return test::in_use(__libc_malloc(size));
}

void* calloc(std::size_t count, std::size_t size) {
    test::count();
    return test::in_use(__libc_calloc(count, size));
}

void* realloc(void* memory, std::size_t size) {
    test::count();
    test::no_longer_in_use(memory);
    return test::in_use(__libc_realloc(memory, size));
}

void* memalign(std::size_t alignment, std::size_t size) {
    test::count();
    return test::in_use(__libc_memalign(alignment, size));
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    *memory = memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}

void free(void* memory) {
    test::no_longer_in_use(memory);
    __libc_free(memory);
}
}
