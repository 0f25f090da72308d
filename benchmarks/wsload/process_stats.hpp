#pragma once

#include <cstdint>
#include <vector>

namespace jac::cloud::bench {

// What /proc tells of the server's processes, summed over all of them.
class ServerStats {
  public:
    explicit ServerStats(std::vector<int> pids) : pids_(std::move(pids)) {}

    double cpu_seconds() const;
    long rss_kb() const;
    long open_files() const;

  private:
    std::vector<int> pids_;
};

// Processor time of this process, in seconds.
double own_cpu_seconds();

struct CoreTime {
    std::uint64_t busy = 0;  // jiffies, interrupts included
    std::uint64_t total = 0;
};

// One entry for each core of the machine, since boot.
std::vector<CoreTime> core_times();

// Monotonic clock, in nanoseconds.
std::uint64_t now_ns();

}  // namespace jac::cloud::bench
