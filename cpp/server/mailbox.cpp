#include "server/mailbox.hpp"

#include <boost/asio/post.hpp>

namespace jac::cloud {

bool Mailbox::put(Letter letter) {
    const std::lock_guard lock(mutex_);
    if (io_ == nullptr) return false;
    letters_.push_back(std::move(letter));
    if (!woken_) {
        woken_ = true;
        // Under the lock: close() may not let the io_context go in between.
        boost::asio::post(*io_, [self = shared_from_this()] { self->drain(); });
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
}

}  // namespace jac::cloud
