#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace jac::cloud {

// Deadlines of many sessions for the price of one timer. An entry is never moved or taken out: who
// fires asks whether it is still meant. Fires late by one tick at most. One thread's own.
class TimerWheel {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds tick{20};

    struct Entry {
        std::uint64_t number;
        TimePoint due;
    };

    explicit TimerWheel(TimePoint now) : now_(floor(now)) {}

    void add(std::uint64_t number, TimePoint due) {
        ++size_;
        // Beyond the horizon it waits in the furthest slot, and is put in again from there.
        const auto ticks = std::clamp<std::int64_t>((due - now_) / tick + 1, 1, slot_count - 1);
        slots_[(position_ + static_cast<std::size_t>(ticks)) % slot_count].push_back({number, due});
    }

    // Calls fire(entry) for everything due by now.
    template <class Fire>
    void advance(TimePoint now, Fire fire) {
        while (now_ + tick <= now) {
            now_ += tick;
            position_ = (position_ + 1) % slot_count;
            auto entries = std::exchange(slots_[position_], {});
            size_ -= entries.size();
            for (const Entry& entry : entries) {
                if (entry.due > now) {
                    add(entry.number, entry.due);
                } else {
                    fire(entry);
                }
            }
        }
    }

    bool empty() const noexcept { return size_ == 0; }
    // When an empty wheel is used again, the time that passed meanwhile is not walked through.
    void skip_to(TimePoint now) noexcept {
        if (empty()) now_ = floor(now);
    }

  private:
    static TimePoint floor(TimePoint time) {
        return TimePoint(time.time_since_epoch() / tick * tick);
    }

    static constexpr std::size_t slot_count = 1024;
    std::array<std::vector<Entry>, slot_count> slots_;
    TimePoint now_;
    std::size_t position_ = 0;
    std::size_t size_ = 0;
};

}  // namespace jac::cloud
