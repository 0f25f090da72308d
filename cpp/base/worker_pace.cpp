#include "base/worker_pace.hpp"

#include <algorithm>

namespace jac::cloud {

std::shared_ptr<WorkerPace::Run> WorkerPace::begin(TimePoint now, Thread thread) {
    if (runs_.empty() || !compute_) {
        looked_ = now;
        next_look_ = now + look_every_;
        ended_ = {};
        for (const auto& weak : runs_) {
            if (const auto run = weak.lock()) run->seen = run->thread.computed();
        }
    } else if (now >= next_look_) {
        look(now);
    }
    compute_ = true;
    last_begin_ = now;
    auto run = std::make_shared<Run>(std::move(thread));
    runs_.push_back(run);
    return run;
}

void WorkerPace::end(const Run& run) {
    ended_ += run.thread.computed() - run.seen;
    std::erase_if(runs_, [&](const auto& other) { return other.lock().get() == &run; });
}

bool WorkerPace::ends_soon() const {
    return std::ranges::any_of(runs_, [](const auto& weak) {
        const auto run = weak.lock();
        return run && run->ends_soon.load(std::memory_order_relaxed);
    });
}

std::optional<WorkerPace::TimePoint> WorkerPace::keeps_waiting(TimePoint now) {
    std::erase_if(runs_, [](const auto& run) { return run.expired(); });
    if (runs_.empty()) return std::nullopt;
    if (now >= next_look_) look(now);
    if (!compute_ || parallel_ || now - last_begin_ >= alone_for || all_share()) {
        return std::nullopt;
    }
    if (!last_trial_ || now - *last_trial_ >= between_trials) {
        last_trial_ = now;
        return std::nullopt;
    }
    return std::min<TimePoint>(next_look_, last_begin_ + alone_for);
}

void WorkerPace::look(TimePoint now) {
    Duration computed = std::exchange(ended_, {});
    for (const auto& weak : runs_) {
        const auto run = weak.lock();
        if (!run) continue;
        const Duration had = run->thread.computed();
        computed += had - std::exchange(run->seen, had);
    }
    const Duration since = now - std::exchange(looked_, now);
    // Who would compute, had others not taken its processor, waits for nothing that takes long.
    compute_ = computed * 2 >= since || any_is_runnable();
    parallel_ = computed * 4 > since * 5;  // more than the interpreter lets one have
    look_every_ = compute_ ? std::min<Duration>(look_every_ * 2, longest_look) : shortest_look;
    next_look_ = now + look_every_;
}

bool WorkerPace::any_is_runnable() const {
    return std::ranges::any_of(runs_, [](const auto& weak) {
        const auto run = weak.lock();
        return run && run->thread.is_runnable();
    });
}

bool WorkerPace::all_share() const {
    return std::ranges::all_of(runs_, [](const auto& weak) {
        const auto run = weak.lock();
        return !run || run->thread.computed() - run->at_begin >= alone_for;
    });
}

}  // namespace jac::cloud
