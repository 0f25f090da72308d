#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <utility>

namespace jac::cloud {

// Steps that take long for one thread, such as the signature of a TLS handshake: one at a time, and
// whoever else is ready goes first after each. One thread's own.
class CostlySteps {
  public:
    // `before` is called ahead of each step.
    CostlySteps(boost::asio::io_context& io, std::function<void()> before)
        : io_(io), before_(std::move(before)) {}

    void add(std::function<void()> step) {
        waiting_.push_back(std::move(step));
        if (waiting_.size() == 1) post();
    }

  private:
    void post() {
        // Behind all that is ready by now.
        boost::asio::post(io_, [this] {
            before_();
            const auto step = std::move(waiting_.front());
            step();
            waiting_.pop_front();
            if (!waiting_.empty()) post();
        });
    }

    boost::asio::io_context& io_;
    const std::function<void()> before_;
    std::deque<std::function<void()>> waiting_;  // the first is posted, or running
};

}  // namespace jac::cloud
