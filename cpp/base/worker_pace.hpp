#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace jac::cloud {

// Says when a worker may begin its job beside those that run. Python runs on one thread at a time:
// workers that all compute take the interpreter from each other, each time on another core, and
// whoever had that core has to wait. So a job that computes is let be for a while. Beside one that
// waits, for a disk, a lock or somebody's answer, the next begins soon; and so it does where those
// that run compute without the interpreter, which a trial now and then shows. Not thread-safe.
class WorkerPace {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    using Duration = std::chrono::steady_clock::duration;
    // What can be asked of a worker's thread, from any other.
    struct Thread {
        std::function<Duration()> computed;  // what it has had of the processor so far
        std::function<bool()> is_runnable;   // it computes, or waits for a processor alone
    };

    // How often it is looked whether those that run compute: less often as long as they do.
    static constexpr std::chrono::microseconds shortest_look{500};
    static constexpr std::chrono::microseconds longest_look{4000};
    // What a job may compute before it has to share, and how long the next waits in any case.
    static constexpr std::chrono::milliseconds alone_for{20};
    // How often one may begin all the same, to see whether they compute at the same time.
    static constexpr std::chrono::seconds between_trials{10};

    // A job that runs, until end() or until its thread lets go of it.
    struct Run {
        explicit Run(Thread of_worker)
            : thread(std::move(of_worker)), at_begin(thread.computed()), seen(at_begin) {}
        Thread thread;
        Duration at_begin;
        Duration seen;
        std::atomic<bool> ends_soon = false;  // set by its thread at any time
    };

    std::shared_ptr<Run> begin(TimePoint now, Thread thread);
    // On its thread.
    void end(const Run& run);

    // Whether one of those that run says that it ends.
    bool ends_soon() const;

    // When to ask again; nullopt: the next job may begin.
    std::optional<TimePoint> keeps_waiting(TimePoint now);

  private:
    void look(TimePoint now);
    bool any_is_runnable() const;
    bool all_share() const;

    std::vector<std::weak_ptr<Run>> runs_;
    Duration ended_{0};  // what those that have ended computed since the last look
    Duration look_every_{shortest_look};
    TimePoint looked_{};
    TimePoint next_look_{};
    TimePoint last_begin_{};
    std::optional<TimePoint> last_trial_;
    bool compute_ = false;   // those that run, as of the last look
    bool parallel_ = false;  // and at the same time
};

}  // namespace jac::cloud
