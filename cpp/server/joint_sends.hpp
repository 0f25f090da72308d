#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace jac::cloud {

// How long a shard waits, before it sends what a walker has notified, for walkers that need its
// core to notify too: what they publish then leaves in the same sends. It never waits for longer
// than about what those sends take, and where that did not pay it does not wait for some rounds.
// One thread's own.
class JointSends {
  public:
    using Duration = std::chrono::steady_clock::duration;

    // About what a send takes, nearly all of it in the kernel.
    static constexpr std::chrono::microseconds a_send{5};
    static constexpr std::chrono::microseconds longest_wait{2000};
    // Fewer sends are done sooner than the core has changed hands.
    static constexpr std::size_t least_sends = 32;
    static constexpr int most_yields = 3;
    static constexpr int rounds_left_out = 4;

    // A round of so many sends is to begin: whether to wait before it.
    bool begin(std::size_t sends) noexcept {
        if (left_out_ > 0) {
            --left_out_;
            return false;
        }
        yields_ = 0;
        cost_ = sends * a_send;
        return sends >= least_sends;
    }

    // Whether to yield once more, `waited` after begin().
    bool yields(Duration waited) noexcept {
        return yields_++ < most_yields && waited < std::min(cost_, longest_wait);
    }

    // The wait is over, and has brought so many notifications. Most of it the core was needed for
    // anyway, so that it counts for a third.
    void end(Duration waited, std::uint64_t brought) noexcept {
        if (brought * cost_ < waited / 3) left_out_ = rounds_left_out;
    }

  private:
    std::chrono::microseconds cost_{0};
    int yields_ = 0;
    int left_out_ = 0;
};

}  // namespace jac::cloud
