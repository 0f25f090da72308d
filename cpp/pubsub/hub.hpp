#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/counters.hpp"
#include "deflate/deflater.hpp"
#include "pubsub/arena.hpp"
#include "pubsub/broker.hpp"
#include "pubsub/subscriber.hpp"
#include "pubsub/targets.hpp"
#include "pubsub/token_index.hpp"

namespace jac::cloud {

// One shard's sessions: by client id, by user, by channel. Puts messages into their outboxes and
// gathers who has something to send, for the end of the turn. Texts of at least `deflate_min_bytes`
// are compressed for those who can read that. One thread's own.
class Hub {
  public:
    // `piece`: how many subscribers flush_some() goes to.
    Hub(unsigned shard, Directory& directory, std::size_t deflate_min_bytes = 1024,
        std::size_t piece = 128)
        : shard_(shard),
          directory_(directory),
          deflate_min_bytes_(deflate_min_bytes),
          piece_(piece) {}
    Hub(const Hub&) = delete;
    Hub& operator=(const Hub&) = delete;

    // A subscriber is in the tables from join to leave, which must come before its end.
    void join(Subscriber& subscriber);
    void leave(Subscriber& subscriber);
    void change_user(Subscriber& subscriber, const Identity& identity);
    void change_channel(Subscriber& subscriber, std::string channel_id);

    // Ends the sessions whose token is revoked. `count` is how many revocations there have been.
    void revoke(const Revocation& revocation, std::uint64_t count);
    // Ends the sessions whose token has expired by `now`, in Unix seconds.
    void expire(std::int64_t now);
    const TokenIndex& tokens() const noexcept { return tokens_; }

    // To all members of the targets, each once. The frame is written once, if anybody is there, and
    // once more for each size of window that some can read compressed messages by.
    std::size_t publish(const Targets& targets, std::string_view payload);
    std::size_t publish(const Targets& targets, const SharedMessage& message);

    // What came from another thread. A message for a session that has left, or has another identity
    // by now, is dropped.
    void deliver(const Delivery& delivery);

    // To one subscriber, joined or not.
    void send(Subscriber& subscriber, Opcode opcode, std::string_view payload);
    void send(Subscriber& subscriber, const SharedMessage& message);
    void send_bytes(Subscriber& subscriber, std::string_view bytes);
    // The last frame of a session, whatever its outbox holds.
    void send_final(Subscriber& subscriber, Opcode opcode, std::string_view payload);
    // Has its flush() called at the end of the turn.
    void flush_later(Subscriber& subscriber);

    // The end of a turn: flushes a piece of those who were sent to by themselves, and one of a
    // channel's members, so that a large fan-out keeps nobody else waiting. They may join, leave
    // and send meanwhile. True once nobody is left; else it is to be called again after the next
    // turn.
    bool flush_some();
    // Flushes all of them.
    void flush();

    // An object that goes while it waits for its flush.
    void forget(Subscriber& subscriber);

    // About how many flush_some() still has to send to.
    std::size_t waiting() const noexcept {
        const auto in_run = run_.members == nullptr ? 0 : run_.members->size() - run_.complete;
        return to_flush_.size() + flushing_.size() - flushed_ + in_run;
    }

    const HubCounters& counters() const noexcept { return counters_; }
    std::size_t size() const noexcept { return by_number_.size(); }
    bool empty() const noexcept {
        return by_number_.empty() && clients_.empty() && users_.empty() && channels_.empty() &&
               tokens_.empty();
    }
    // Bytes written that somebody may not have been flushed of, and whether it is time to flush
    // everybody: outboxes are not to fill up with what their sockets would take.
    std::size_t gathered() const noexcept { return gathered_; }
    bool has_gathered_enough() const noexcept {
        return gathered_ >= std::min(gather_limit, least_outbox_ / 2);
    }

  private:
    static constexpr std::size_t gather_limit = std::size_t{128} << 10;

    using Members = std::vector<Subscriber*>;

    class Frames;

    // Frames for the members of one channel that lie one behind the other. The members are gone
    // round in pieces, each sent at once all that it has not had: what is published before a
    // member's turn comes leaves with the rest.
    struct Run {
        const Members* members = nullptr;  // null: there is none
        Slice frames;
        std::uint64_t number = 0;  // what a member has had is of the run it names
        std::size_t next = 0;      // the member whose turn it is
        std::size_t complete = 0;  // how many in a row, before that one, have had all of it
    };

    std::size_t publish_frames(const Targets& targets, Frames frames);
    std::size_t put_off(const std::string& channel, Frames& frames);
    bool awaits_run(const Subscriber& subscriber) const noexcept;
    std::size_t take_rest(Subscriber& subscriber) noexcept;
    void enqueue_rest(Subscriber& subscriber);
    void enqueue_run();
    void send_run();
    void flush_queued();
    std::optional<Slice> append_deflated(Opcode opcode, std::string_view payload, int window);
    void gather(std::size_t bytes) noexcept {
        gathered_ += bytes;
        gathered_in_round_ += bytes;
    }
    void enqueue(Subscriber& subscriber, const Slice& slice);
    void push(Subscriber& subscriber, const Slice& slice);
    void enter_user(Subscriber& subscriber);
    void leave_user(Subscriber& subscriber);
    void enter_channel(Subscriber& subscriber);
    void leave_channel(Subscriber& subscriber);

    unsigned shard_;
    Directory& directory_;
    const std::size_t deflate_min_bytes_;
    const std::size_t piece_;
    Deflater deflater_;
    Arena arena_;
    Arena run_arena_;  // a run's own, so that what others are sent in between does not divide it
    std::unordered_map<std::uint64_t, Subscriber*> by_number_;
    std::unordered_map<std::string_view, Subscriber*> clients_;  // views into the subscribers
    std::unordered_map<NodeId, Members, NodeIdHash> users_;
    TokenIndex tokens_;
    std::unordered_map<std::string, Members, StringHash, std::equal_to<>> channels_;
    Run run_;
    std::uint64_t last_run_ = 0;
    std::size_t least_outbox_ = std::numeric_limits<std::size_t>::max();  // of those who joined
    Members to_flush_;
    Members flushing_;
    std::size_t flushed_ = 0;  // of flushing_, those before it are done with
    std::size_t gathered_ = 0;
    std::size_t gathered_in_round_ = 0;       // since the run's members were last all gone round
    std::size_t gathered_in_last_round_ = 0;  // what was written before that, all have had
    HubCounters counters_;
};

}  // namespace jac::cloud
