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
    auto& members = channels_[subscriber.channel_id_];
    subscriber.channel_position_ = members.size();
    members.push_back(&subscriber);
    if (run_.members == &members) take_rest(subscriber);  // it was published before
    directory_.add(TargetKind::channel, subscriber.channel_id_, shard_);
}

void Hub::leave_channel(Subscriber& subscriber) {
    const auto channel = channels_.find(subscriber.channel_id_);
    const bool in_run = run_.members == &channel->second;
    if (in_run) {
        enqueue_rest(subscriber);
        run_.complete = 0;  // who takes its place may not have had its turn
    }
    take_out(channel->second, &Subscriber::channel_position_, subscriber);
    if (channel->second.empty()) {
        if (in_run) run_ = {};
        channels_.erase(channel);
    }
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
        if (window == 0 || never_deflated()) return plain(hub_.arena_);
        const auto known = std::ranges::find(deflated_, window, &Deflated::window);
        if (known != deflated_.end()) return known->slice;
        auto slice = hub_.append_deflated(opcode_, payload_, window);
        deflated_.push_back({window, slice ? *slice : plain(hub_.arena_)});
        return deflated_.back().slice;
    }

    bool never_deflated() const noexcept {
        // RFC 7692 section 5: control frames are never compressed.
        return is_control(opcode_) || payload_.size() < hub_.deflate_min_bytes_;
    }

    // Written there, the first time.
    const Slice& plain(Arena& arena) {
        if (!plain_) {
            plain_ = message_ != nullptr ? arena.append(*message_)
                                         : arena.append_frame(opcode_, payload_);
            hub_.gather(plain_->size);
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
    gather(deflated->size());
    return arena_.append_frame(opcode, *deflated, Encoding::deflated);
}

std::size_t Hub::publish_frames(const Targets& targets, Frames frames) {
    if (targets.kind() == TargetKind::channel && targets.names().size() == 1 &&
        frames.never_deflated()) {
        return put_off(targets.names().front(), frames);
    }
    std::size_t count = 0;
    const auto to = [&](Subscriber& subscriber) {
        enqueue(subscriber, frames.for_window(subscriber.deflate_window_));
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
    const Slice& frame = frames.plain(run_arena_);
    // No more than any outbox takes: whether it would overflow is asked once for all of them.
    const bool goes_on = run_.members == &found->second && frame.follows(run_.frames) &&
                         run_.frames.size + frame.size <= least_outbox_;
    if (goes_on) {
        run_.frames.size += frame.size;
        run_.complete = 0;
    } else {
        enqueue_run();
        run_ = {.members = &found->second, .frames = frame, .number = ++last_run_};
    }
    const auto count = found->second.size();
    counters_.deliveries.add(count);
    return count;
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
    gather(bytes.size());
    enqueue(subscriber, arena_.append_bytes(bytes));
}

void Hub::send_final(Subscriber& subscriber, Opcode opcode, std::string_view payload) {
    if (awaits_run(subscriber)) enqueue_rest(subscriber);
    subscriber.outbox_.push_final(arena_.append_frame(opcode, payload));
    flush_later(subscriber);
}

void Hub::enqueue(Subscriber& subscriber, const Slice& slice) {
    if (awaits_run(subscriber)) enqueue_rest(subscriber);
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

}  // namespace jac::cloud
