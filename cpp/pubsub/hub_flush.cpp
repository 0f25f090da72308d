// What a hub sends at the end of a turn: a run to the members of its channel, outboxes to the rest.
#include <algorithm>
#include <utility>

#include "pubsub/hub.hpp"

namespace jac::cloud {

bool Hub::awaits_run(const Subscriber& subscriber) const noexcept {
    const auto position = subscriber.channel_position_;
    return run_.members != nullptr && position < run_.members->size() &&
           (*run_.members)[position] == &subscriber;
}

// Where what the member has not had of the run begins; from now on it has had all of it.
std::size_t Hub::take_rest(Subscriber& subscriber) noexcept {
    const auto had = subscriber.run_ == run_.number ? subscriber.run_bytes_ : 0;
    subscriber.run_ = run_.number;
    subscriber.run_bytes_ = run_.frames.size;
    return had;
}

// What is in its outbox was published before what it has not had of the run, and what comes next
// was published behind it.
void Hub::enqueue_rest(Subscriber& subscriber) {
    const auto& [block, offset, size] = run_.frames;
    const auto had = take_rest(subscriber);
    if (had < size) push(subscriber, {block, offset + had, size - had});
}

void Hub::enqueue_run() {
    if (run_.members == nullptr) return;
    for (Subscriber* const member : *run_.members) enqueue_rest(*member);
    run_ = {};
}

// Whose outbox is empty is written to from the arena.
void Hub::send_run() {
    if (run_.members == nullptr) return;
    const auto& members = *run_.members;
    const auto& [block, offset, size] = run_.frames;
    const char* const bytes = run_.frames.view().data();
    const auto turns = std::min(piece_, members.size() - run_.complete);
    run_.complete += turns;
    auto next = run_.next;
    for (std::size_t i = 0; i < turns; ++i) {
        if (next >= members.size()) {
            next = 0;
            gathered_in_last_round_ = std::exchange(gathered_in_round_, 0);
        }
        Subscriber& member = *members[next++];
        if (member.to_flush_ || member.overflowed_ || !member.outbox_.empty()) {
            enqueue_rest(member);
            continue;
        }
        auto had = take_rest(member);
        if (had == size) continue;
        had += member.write_now({bytes + had, size - had});
        if (had < size) push(member, {block, offset + had, size - had});
    }
    run_.next = next;
    if (run_.complete == members.size()) run_ = {};
}

// In the order in which they were first sent to, and together with what they have not had of a run.
void Hub::flush_queued() {
    for (std::size_t i = 0; i < piece_; ++i) {
        if (flushed_ == flushing_.size()) {
            flushing_.clear();
            flushed_ = 0;
            if (to_flush_.empty()) return;
            flushing_.swap(to_flush_);
        }
        Subscriber* const subscriber = flushing_[flushed_++];
        if (subscriber == nullptr) continue;
        if (awaits_run(*subscriber)) enqueue_rest(*subscriber);
        subscriber->to_flush_ = false;
        subscriber->flush();
    }
}

bool Hub::flush_some() {
    flush_queued();
    const bool queue_empty = flushed_ == flushing_.size() && to_flush_.empty();
    // Then nobody is further behind than the members of the run.
    if (queue_empty) gathered_ = std::min(gathered_, gathered_in_last_round_ + gathered_in_round_);
    send_run();
    if (!queue_empty || !to_flush_.empty() || run_.members != nullptr) return false;
    arena_.rewind();
    run_arena_.rewind();
    gathered_ = gathered_in_round_ = gathered_in_last_round_ = 0;
    return true;
}

void Hub::flush() {
    while (!flush_some()) {
    }
}

// Places are emptied rather than taken out: it may be one that flushes just now.
void Hub::forget(Subscriber& subscriber) {
    if (!subscriber.to_flush_) return;
    subscriber.to_flush_ = false;
    for (Members* const members : {&to_flush_, &flushing_}) {
        std::ranges::replace(*members, &subscriber, static_cast<Subscriber*>(nullptr));
    }
}

}  // namespace jac::cloud
