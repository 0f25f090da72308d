#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>
#include <functional>

namespace jac::cloud {

class Poller;

// Who owns a socket that a poller watches. What the socket has come to is remembered until it is
// used: of an edge, no second word is said.
class Watched : public boost::intrusive::list_base_hook<
                    boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    Watched() = default;
    virtual ~Watched() = default;
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    // Its socket has come to something since, or it has asked for its turn. It may unwatch its
    // socket here, but not go.
    virtual void on_ready() = 0;

  protected:
    bool readable_ = false;  // may have bytes, or its end
    bool writable_ = false;  // has room again
    bool hung_up_ = false;   // the peer sends no more, or is gone
    bool broken_ = false;    // nothing more can be sent or received

  private:
    friend class Poller;
};

// The sockets of a shard's WebSockets, each registered once, edge-triggered, with a descriptor of
// epoll that itself waits in Asio's reactor: an event costs no system call of its own. Everyone who
// is ready has one turn before anyone has a second. One thread's own.
class Poller {
  public:
    // Throws boost::system::system_error.
    explicit Poller(boost::asio::io_context& io);
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;
    ~Poller() = default;

    // `serve` is called from the io_context whenever somebody is ready: it is to call collect(),
    // and on_ready() of whom next() names.
    void start(std::function<void()> serve);

    // False: the system has no memory for it.
    bool watch(int descriptor, Watched& watched);
    // Before the descriptor is closed: a forked child may have a copy, which would keep it in here.
    void unwatch(int descriptor, Watched& watched);
    // It will have its turn, once however often it is called.
    void make_ready(Watched& watched);

    // Asks what has become of the sockets.
    void collect();
    // Who is next of those that were ready at the last collect(); null: they have all had theirs.
    Watched* next();

  private:
    using List = boost::intrusive::list<Watched, boost::intrusive::constant_time_size<false>>;

    void serve();
    void go_on();

    boost::asio::io_context& io_;
    boost::asio::posix::stream_descriptor epoll_;
    std::function<void()> serve_;
    List ready_;
    List turn_;  // those of before the last collect() who have not had theirs
    bool serving_ = false;
    bool posted_ = false;
    bool waiting_ = false;
};

}  // namespace jac::cloud
