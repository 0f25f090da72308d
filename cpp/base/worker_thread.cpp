#include "base/worker_thread.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <string_view>

namespace jac::cloud {
namespace {

// The letter behind the name, which may hold anything: proc_pid_stat(5).
bool is_runnable(pid_t thread) {
    std::array<char, 64> path{};
    fmt::format_to_n(path.data(), path.size() - 1, "/proc/self/task/{}/stat", thread);
    const int file = ::open(path.data(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    std::array<char, 128> text{};
    const auto count = ::read(file, text.data(), text.size());
    ::close(file);
    const std::string_view line(text.data(), count < 0 ? 0 : static_cast<std::size_t>(count));
    const auto name_end = line.rfind(") ");
    return name_end != std::string_view::npos && line.substr(name_end + 2).starts_with('R');
}

}  // namespace

WorkerPace::Thread this_worker_thread() {
    clockid_t clock{};
    pthread_getcpuclockid(pthread_self(), &clock);
    const auto computed = [clock]() -> WorkerPace::Duration {
        timespec time{};
        if (clock_gettime(clock, &time) != 0) return {};
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    };
    return {computed, [thread = ::gettid()] { return is_runnable(thread); }};
}

}  // namespace jac::cloud
