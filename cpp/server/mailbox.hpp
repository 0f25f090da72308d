#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "pubsub/shard_port.hpp"

namespace jac::cloud {

// The way into a shard from any other thread. Kept by shared_ptr, because walkers and token checks
// may answer after their shard has gone. One wake-up serves all that is put in until the shard
// comes to it.
class Mailbox final : public ShardPort, public std::enable_shared_from_this<Mailbox> {
  public:
    // `receive` is called on the shard's thread.
    Mailbox(boost::asio::io_context& io, std::function<void(const Delivery&)> receive)
        : io_(&io), receive_(std::move(receive)) {}

    bool deliver(Delivery delivery) override { return put({std::move(delivery), nullptr}); }
    bool post(std::function<void()> task) override { return put({{}, std::move(task)}); }

    // From now on everything is refused; what waits is dropped. Before the shard goes.
    void close();

  private:
    struct Letter {
        Delivery delivery;
        std::function<void()> task;  // empty: a delivery
    };

    bool put(Letter letter);
    void drain();

    std::mutex mutex_;
    std::vector<Letter> letters_;
    boost::asio::io_context* io_;  // null once closed
    bool woken_ = false;
    std::atomic<int> waking_ = 0;  // who is about to wake the shard
    std::function<void(const Delivery&)> receive_;
    std::vector<Letter> draining_;  // the shard's own; kept for its memory
};

}  // namespace jac::cloud
