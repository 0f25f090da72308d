#include "process_stats.hpp"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>
#include <string>

namespace jac::cloud::bench {
namespace {

std::string proc_path(int pid, const char* file) {
    return "/proc/" + std::to_string(pid) + "/" + file;
}

// Of all its threads, to the nanosecond: a jiffy is too coarse for what a short run costs.
std::uint64_t processor_ns_of(int pid) {
    std::uint64_t sum = 0;
    std::error_code gone;  // a process that has ended has none
    for (const auto& thread : std::filesystem::directory_iterator(proc_path(pid, "task"), gone)) {
        std::uint64_t ran = 0;
        if (std::ifstream file(thread.path() / "schedstat"); file >> ran) sum += ran;
    }
    return sum;
}

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

double ServerStats::cpu_seconds() const {
    std::uint64_t sum = 0;
    for (const int pid : pids_) sum += processor_ns_of(pid);
    return static_cast<double>(sum) / 1e9;
}

long ServerStats::rss_kb() const {
    long pages = 0;
    for (const int pid : pids_) {
        std::ifstream file(proc_path(pid, "statm"));
        long all = 0, resident = 0;
        if (file >> all >> resident) pages += resident;
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

long ServerStats::open_files() const {
    long files = 0;
    for (const int pid : pids_) {
        std::error_code gone;  // a process that has ended has none
        const std::filesystem::directory_iterator entries(proc_path(pid, "fd"), gone);
        files += std::distance(begin(entries), end(entries));
    }
    return files;
}

double own_cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

std::vector<CoreTime> core_times() {
    std::vector<CoreTime> cores;
    std::ifstream file("/proc/stat");
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("cpu") || line[3] == ' ') continue;  // the first line sums all cores
        std::istringstream fields(line.substr(line.find(' ')));
        std::vector<std::uint64_t> jiffies(8);
        for (auto& value : jiffies) fields >> value;
        const auto total = std::accumulate(jiffies.begin(), jiffies.end(), std::uint64_t{0});
        const auto idle = jiffies[3] + jiffies[4];  // idle and waiting for a disk
        cores.push_back({.busy = total - idle, .total = total});
    }
    return cores;
}

std::uint64_t now_ns() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace jac::cloud::bench
