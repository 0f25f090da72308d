#include "server/mailbox.hpp"

#include <boost/asio/post.hpp>
#include <thread>

namespace jac::cloud {

bool Mailbox::put(Letter letter) {
    boost::asio::io_context* asleep = nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (io_ == nullptr) return false;
        letters_.push_back(std::move(letter));
        if (!woken_) {
            woken_ = true;
            ++waking_;
            asleep = io_;
        }
    }
    // Without the lock: who is woken on this core would take the core at once, and wait for it.
    if (asleep != nullptr) {
        boost::asio::post(*asleep, [self = shared_from_this()] { self->drain(); });
        --waking_;
    }
    return true;
}

void Mailbox::drain() {
    {
        const std::lock_guard lock(mutex_);
        draining_.swap(letters_);
        woken_ = false;
    }
    for (Letter& letter : draining_) {
        if (letter.task) {
            letter.task();
        } else {
            receive_(letter.delivery);
        }
    }
    draining_.clear();
}

void Mailbox::close() {
    std::vector<Letter> dropped;  // destroyed without the lock: a task may hold anything
    {
        const std::lock_guard lock(mutex_);
        io_ = nullptr;
        dropped.swap(letters_);
    }
    // The io_context may not go in between.
    while (waking_ != 0) std::this_thread::yield();
}

}  // namespace jac::cloud
