#include "server/poller.hpp"

#include <sys/epoll.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <utility>

namespace jac::cloud {

namespace asio = boost::asio;

namespace {

int create() {
    const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) {
        throw boost::system::system_error(errno, boost::system::system_category(), "epoll_create1");
    }
    return descriptor;
}

}  // namespace

Poller::Poller(boost::asio::io_context& io) : io_(io), epoll_(io, create()) {}

void Poller::start(std::function<void()> serve) {
    serve_ = std::move(serve);
    go_on();
}

void Poller::serve() {
    serving_ = true;
    serve_();
    serving_ = false;
    go_on();
}

// Sees to it that serve() is called: at once where somebody is ready.
void Poller::go_on() {
    if (serving_ || posted_) return;
    if (!ready_.empty() || !turn_.empty()) {
        posted_ = true;
        asio::post(io_, [this] {
            posted_ = false;
            serve();
        });
    } else if (!waiting_) {
        waiting_ = true;
        epoll_.async_wait(asio::posix::stream_descriptor::wait_read,
                          [this](const boost::system::error_code& error) {
                              waiting_ = false;
                              if (!error) serve();
                          });
    }
}

bool Poller::watch(int descriptor, Watched& watched) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &watched;
    return ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Poller::unwatch(int descriptor, Watched& watched) {
    epoll_event ignored{};
    ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, descriptor, &ignored);
    watched.unlink();
}

void Poller::make_ready(Watched& watched) {
    if (watched.is_linked()) return;
    ready_.push_back(watched);
    go_on();
}

void Poller::collect() {
    constexpr int most_events = 512;
    std::array<epoll_event, most_events> events;
    const int count = ::epoll_wait(epoll_.native_handle(), events.data(), most_events, 0);
    for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        auto& watched = *static_cast<Watched*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) watched.writable_ = true;
        if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
            watched.readable_ = true;
        }
        if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) watched.hung_up_ = true;
        if ((event.events & (EPOLLHUP | EPOLLERR)) != 0) watched.broken_ = true;
        if (!watched.is_linked()) ready_.push_back(watched);
    }
    turn_.splice(turn_.end(), ready_);
}

Watched* Poller::next() {
    if (turn_.empty()) return nullptr;
    auto& watched = turn_.front();
    turn_.pop_front();
    return &watched;
}

}  // namespace jac::cloud
