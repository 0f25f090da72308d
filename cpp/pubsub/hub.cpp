#include "pubsub/hub.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace jac::cloud {

namespace {

// Takes a member out of its list in constant time: the last one takes its place.
void take_out(std::vector<Subscriber*>& members, std::size_t Subscriber::* position,
              Subscriber& subscriber) {
    Subscriber* const last = members.back();
    members[subscriber.*position] = last;
    last->*position = subscriber.*position;
    members.pop_back();
}

}  // namespace

void Hub::join(Subscriber& subscriber) {
    subscriber.joined_ = true;
    least_outbox_ = std::min(least_outbox_, subscriber.outbox_.limit());
    subscriber.outbox_.count_into(counters_.outbox_bytes);
    by_number_.emplace(subscriber.number_, &subscriber);
    clients_.emplace(subscriber.client_id_, &subscriber);
    directory_.add(TargetKind::client, subscriber.client_id_, shard_);
    enter_user(subscriber);
    enter_channel(subscriber);
}

void Hub::leave(Subscriber& subscriber) {
    if (!subscriber.joined_) return;
    subscriber.joined_ = false;
    if (subscriber.shared_generation_) {
        subscriber.shared_generation_->store(0, std::memory_order_release);
    }
    by_number_.erase(subscriber.number_);
    clients_.erase(subscriber.client_id_);
    directory_.remove(TargetKind::client, subscriber.client_id_, shard_);
    leave_user(subscriber);
    leave_channel(subscriber);
}

void Hub::change_user(Subscriber& subscriber, const Identity& identity) {
    ++subscriber.generation_;
    if (subscriber.joined_) leave_user(subscriber);
    subscriber.identity_ = identity;
    if (!subscriber.joined_) return;
    enter_user(subscriber);
    if (subscriber.shared_generation_) {
        subscriber.shared_generation_->store(subscriber.generation_, std::memory_order_release);
    }
}

void Hub::change_channel(Subscriber& subscriber, std::string channel_id) {
    if (subscriber.joined_) leave_channel(subscriber);
    subscriber.channel_id_ = std::move(channel_id);
    if (subscriber.joined_) enter_channel(subscriber);
}

void Hub::enter_user(Subscriber& subscriber) {
    auto& members = users_[subscriber.identity_.root];
    subscriber.user_position_ = members.size();
    members.push_back(&subscriber);
    directory_.add_user(subscriber.identity_.root, shard_);
    tokens_.enter(subscriber);
}

void Hub::leave_user(Subscriber& subscriber) {
    const auto user = users_.find(subscriber.identity_.root);
    take_out(user->second, &Subscriber::user_position_, subscriber);
    if (user->second.empty()) users_.erase(user);
    directory_.remove_user(subscriber.identity_.root, shard_);
    tokens_.leave(subscriber);
}

void Hub::enter_channel(Subscriber& subscriber) {
    enqueue_run();
    auto& members = channels_[subscriber.channel_id_];
    subscriber.channel_position_ = members.size();
    members.push_back(&subscriber);
    directory_.add(TargetKind::channel, subscriber.channel_id_, shard_);
}

void Hub::leave_channel(Subscriber& subscriber) {
    enqueue_run();
    const auto channel = channels_.find(subscriber.channel_id_);
    take_out(channel->second, &Subscriber::channel_position_, subscriber);
    if (channel->second.empty()) channels_.erase(channel);
    directory_.remove(TargetKind::channel, subscriber.channel_id_, shard_);
}

void Hub::revoke(const Revocation& revocation, std::uint64_t count) {
    for (Subscriber* const subscriber : tokens_.revoke(revocation, count)) {
        subscriber->lose_identity();
    }
}

void Hub::expire(std::int64_t now) {
    for (Subscriber* const subscriber : tokens_.expired(now)) subscriber->lose_identity();
}

// The frames of one message: each form is written when somebody first needs it.
class Hub::Frames {
  public:
    Frames(Hub& hub, Opcode opcode, std::string_view payload)
        : hub_(hub), opcode_(opcode), payload_(payload) {}
    Frames(Hub& hub, const SharedMessage& message) : Frames(hub, Opcode::text, message->payload()) {
        message_ = &message;
    }

    const Slice& for_window(int window) {
        if (window == 0 || never_deflated()) return plain();
        const auto known = std::ranges::find(deflated_, window, &Deflated::window);
        if (known != deflated_.end()) return known->slice;
        auto slice = hub_.append_deflated(opcode_, payload_, window);
        deflated_.push_back({window, slice ? *slice : plain()});
        return deflated_.back().slice;
    }

    bool never_deflated() const noexcept {
        // RFC 7692 section 5: control frames are never compressed.
        return is_control(opcode_) || payload_.size() < hub_.deflate_min_bytes_;
    }

    const Slice& plain() {
        if (!plain_) {
            plain_ = message_ != nullptr ? hub_.arena_.append(*message_)
                                         : hub_.arena_.append_frame(opcode_, payload_);
            hub_.gathered_ += plain_->size;
        }
        return *plain_;
    }

  private:
    struct Deflated {
        int window;
        Slice slice;
    };

    Hub& hub_;
    Opcode opcode_;
    std::string_view payload_;
    const SharedMessage* message_ = nullptr;
    std::optional<Slice> plain_;
    std::vector<Deflated> deflated_;
};

std::optional<Slice> Hub::append_deflated(Opcode opcode, std::string_view payload, int window) {
    const auto deflated = deflater_.compress(payload, window);
    if (!deflated) return std::nullopt;
    gathered_ += deflated->size();
    return arena_.append_frame(opcode, *deflated, Encoding::deflated);
}

std::size_t Hub::publish_frames(const Targets& targets, Frames frames) {
    if (targets.kind() == TargetKind::channel && targets.names().size() == 1 &&
        frames.never_deflated()) {
        return put_off(targets.names().front(), frames);
    }
    enqueue_run();
    std::size_t count = 0;
    const auto to = [&](Subscriber& subscriber) {
        push(subscriber, frames.for_window(subscriber.deflate_window_));
        ++count;
    };
    switch (targets.kind()) {
        case TargetKind::client:
            for (const auto& name : targets.names()) {
                if (const auto found = clients_.find(name); found != clients_.end()) {
                    to(*found->second);
                }
            }
            break;
        case TargetKind::channel:
            for (const auto& name : targets.names()) {
                const auto found = channels_.find(name);
                if (found == channels_.end()) continue;
                for (Subscriber* const member : found->second) to(*member);
            }
            break;
        case TargetKind::user:
            for (const auto& root : targets.roots()) {
                const auto found = users_.find(root);
                if (found == users_.end()) continue;
                for (Subscriber* const member : found->second) to(*member);
            }
            break;
    }
    counters_.deliveries.add(count);
    return count;
}

std::size_t Hub::put_off(const std::string& channel, Frames& frames) {
    const auto found = channels_.find(channel);
    if (found == channels_.end()) return 0;
    const Slice& frame = frames.plain();
    // No more than any outbox takes: whether it would overflow is asked once for all of them.
    const bool goes_on = run_.members == &found->second && frame.follows(run_.frames) &&
                         run_.frames.size + frame.size <= least_outbox_;
    if (goes_on) {
        run_.frames.size += frame.size;
    } else {
        enqueue_run();
        run_ = {&found->second, frame};
    }
    const auto count = found->second.size();
    counters_.deliveries.add(count);
    return count;
}

bool Hub::awaits_run(const Subscriber& subscriber) const noexcept {
    const auto position = subscriber.channel_position_;
    return run_.members != nullptr && position < run_.members->size() &&
           (*run_.members)[position] == &subscriber;
}

void Hub::enqueue_run() {
    const Run run = std::exchange(run_, {});
    if (run.members == nullptr) return;
    for (Subscriber* const member : *run.members) push(*member, run.frames);
}

// The end of the turn: whose outbox is empty is written to from the arena.
void Hub::send_run() {
    const Run run = std::exchange(run_, {});
    if (run.members == nullptr) return;
    const auto& [block, offset, size] = run.frames;
    for (Subscriber* const member : *run.members) {
        const bool waits = member->to_flush_ || member->overflowed_ || !member->outbox_.empty();
        const auto taken = waits ? 0 : member->write_now(run.frames.view());
        if (taken < size) push(*member, {block, offset + taken, size - taken});
    }
}

std::size_t Hub::publish(const Targets& targets, std::string_view payload) {
    return publish_frames(targets, Frames(*this, Opcode::text, payload));
}

std::size_t Hub::publish(const Targets& targets, const SharedMessage& message) {
    return publish_frames(targets, Frames(*this, message));
}

void Hub::deliver(const Delivery& delivery) {
    if (delivery.publication) {
        publish(delivery.publication->targets, delivery.publication->message);
        return;
    }
    const auto found = by_number_.find(delivery.session);
    if (found == by_number_.end() || found->second->generation_ != delivery.generation) return;
    counters_.deliveries.add();
    send(*found->second, delivery.message);
}

void Hub::send(Subscriber& subscriber, Opcode opcode, std::string_view payload) {
    enqueue(subscriber, Frames(*this, opcode, payload).for_window(subscriber.deflate_window_));
}

void Hub::send(Subscriber& subscriber, const SharedMessage& message) {
    enqueue(subscriber, Frames(*this, message).for_window(subscriber.deflate_window_));
}

void Hub::send_bytes(Subscriber& subscriber, std::string_view bytes) {
    gathered_ += bytes.size();
    enqueue(subscriber, arena_.append_bytes(bytes));
}

void Hub::send_final(Subscriber& subscriber, Opcode opcode, std::string_view payload) {
    if (awaits_run(subscriber)) enqueue_run();
    subscriber.outbox_.push_final(arena_.append_frame(opcode, payload));
    flush_later(subscriber);
}

void Hub::enqueue(Subscriber& subscriber, const Slice& slice) {
    if (awaits_run(subscriber)) enqueue_run();
    push(subscriber, slice);
}

// Never ends a session here: whoever publishes may be walking the list it stands in. The end of the
// turn does.
void Hub::push(Subscriber& subscriber, const Slice& slice) {
    if (subscriber.overflowed_) return;
    if (subscriber.outbox_.push(slice) == Enqueue::overflow) subscriber.overflowed_ = true;
    flush_later(subscriber);
}

void Hub::flush_later(Subscriber& subscriber) {
    if (subscriber.to_flush_) return;
    subscriber.to_flush_ = true;
    to_flush_.push_back(&subscriber);
}

void Hub::flush() {
    while (run_.members != nullptr || !to_flush_.empty()) {
        send_run();
        flushing_.swap(to_flush_);
        // Nothing is added to it meanwhile; forget() empties places.
        for (Subscriber* const& subscriber : flushing_) {
            if (subscriber == nullptr) continue;
            subscriber->to_flush_ = false;
            subscriber->flush();
        }
        flushing_.clear();
    }
    arena_.rewind();
    gathered_ = 0;
}

void Hub::forget(Subscriber& subscriber) {
    if (!subscriber.to_flush_) return;
    subscriber.to_flush_ = false;
    for (Members* const members : {&to_flush_, &flushing_}) {
        std::ranges::replace(*members, &subscriber, static_cast<Subscriber*>(nullptr));
    }
}

}  // namespace jac::cloud
