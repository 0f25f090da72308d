#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace jac::cloud::bench {

// Latencies in nanoseconds. Log-linear, 64 buckets to each power of two: off by less than 1.6 %.
class Histogram {
  public:
    void add(std::uint64_t ns) {
        ++buckets_[index_of(ns)];
        ++count_;
        max_ns_ = std::max(max_ns_, ns);
    }

    // The latency in microseconds below which this fraction of the samples lies; 0 without samples.
    double quantile_us(double fraction) const {
        if (count_ == 0) return 0;
        const auto rank = static_cast<std::uint64_t>(fraction * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i) {
            seen += buckets_[i];
            if (seen > rank) return static_cast<double>(middle_of(i)) / 1e3;
        }
        return max_us();
    }

    double max_us() const { return static_cast<double>(max_ns_) / 1e3; }
    std::uint64_t count() const { return count_; }

    void clear() {
        std::fill(buckets_.begin(), buckets_.end(), 0);
        count_ = max_ns_ = 0;
    }

  private:
    static std::size_t index_of(std::uint64_t ns) {
        if (ns < 64) return ns;
        const auto exponent = static_cast<std::size_t>(std::bit_width(ns)) - 1;
        return ((exponent - 5) << 6) + ((ns >> (exponent - 6)) & 63);
    }

    static std::uint64_t middle_of(std::size_t index) {
        if (index < 64) return index;
        const std::size_t exponent = (index >> 6) + 5;
        const std::uint64_t width = std::uint64_t{1} << (exponent - 6);
        return (64 + (index & 63)) * width + width / 2;
    }

    std::vector<std::uint64_t> buckets_ = std::vector<std::uint64_t>(64 * 64, 0);
    std::uint64_t count_ = 0;
    std::uint64_t max_ns_ = 0;
};

}  // namespace jac::cloud::bench
