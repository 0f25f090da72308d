#pragma once

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
    Hub(unsigned shard, Directory& directory, std::size_t deflate_min_bytes = 1024)
        : shard_(shard), directory_(directory), deflate_min_bytes_(deflate_min_bytes) {}
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

    // The end of a turn: flushes those who were sent to. They may join, leave and send meanwhile.
    void flush();

    // An object that goes while it waits for its flush.
    void forget(Subscriber& subscriber);

    const HubCounters& counters() const noexcept { return counters_; }
    std::size_t size() const noexcept { return by_number_.size(); }
    bool empty() const noexcept {
        return by_number_.empty() && clients_.empty() && users_.empty() && channels_.empty() &&
               tokens_.empty();
    }
    // Bytes written since the last flush. Past gather_limit it is time for one: outboxes are not to
    // fill up with what their sockets would take.
    std::size_t gathered() const noexcept { return gathered_; }
    static constexpr std::size_t gather_limit = std::size_t{128} << 10;

  private:
    using Members = std::vector<Subscriber*>;

    class Frames;

    // Frames for the members of one channel that lie one behind the other: its members are walked
    // through once for all of them, at the end of the turn or before anything else concerns them.
    struct Run {
        const Members* members = nullptr;  // null: there is none
        Slice frames;
    };

    std::size_t publish_frames(const Targets& targets, Frames frames);
    std::size_t put_off(const std::string& channel, Frames& frames);
    bool awaits_run(const Subscriber& subscriber) const noexcept;
    void enqueue_run();
    void send_run();
    std::optional<Slice> append_deflated(Opcode opcode, std::string_view payload, int window);
    void enqueue(Subscriber& subscriber, const Slice& slice);
    void push(Subscriber& subscriber, const Slice& slice);
    void enter_user(Subscriber& subscriber);
    void leave_user(Subscriber& subscriber);
    void enter_channel(Subscriber& subscriber);
    void leave_channel(Subscriber& subscriber);

    unsigned shard_;
    Directory& directory_;
    const std::size_t deflate_min_bytes_;
    Deflater deflater_;
    Arena arena_;
    std::unordered_map<std::uint64_t, Subscriber*> by_number_;
    std::unordered_map<std::string_view, Subscriber*> clients_;  // views into the subscribers
    std::unordered_map<NodeId, Members, NodeIdHash> users_;
    TokenIndex tokens_;
    std::unordered_map<std::string, Members, StringHash, std::equal_to<>> channels_;
    Run run_;
    std::size_t least_outbox_ = std::numeric_limits<std::size_t>::max();  // of those who joined
    Members to_flush_;
    Members flushing_;
    std::size_t gathered_ = 0;
    HubCounters counters_;
};

}  // namespace jac::cloud
