#include "bindings/gil.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace jac::cloud {

namespace {

std::atomic<bool> closed = false;
std::atomic<int> coming_back = 0;
// The interpreter ends on this thread, so it always gets the GIL back: objects that outlived
// close() are deallocated there.
std::thread::id ending_thread;

[[noreturn]] void wait_for_the_end() {
    for (;;) pause();
}

}  // namespace

GilRelease::~GilRelease() {
    // Counted before the look: close() either is seen here, or waits for this thread.
    coming_back.fetch_add(1);
    if (closed.load() && std::this_thread::get_id() != ending_thread) {
        coming_back.fetch_sub(1);
        wait_for_the_end();
    }
    PyEval_RestoreThread(state_);
    coming_back.fetch_sub(1);
}

void GilRelease::close() {
    ending_thread = std::this_thread::get_id();
    closed.store(true);
    PyThreadState* const state = PyEval_SaveThread();
    while (coming_back.load() != 0) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    PyEval_RestoreThread(state);
}

}  // namespace jac::cloud
