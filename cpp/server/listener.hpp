#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "protocol/handshake.hpp"
#include "server/admission.hpp"
#include "server/services.hpp"
#include "server/shard.hpp"

namespace jac::cloud {

// The listening socket. Lives on the first shard; gives each connection to the shard that has the
// fewest. At the limits of connections, and while the server drains, it answers 503; at the
// process's limit of descriptors it lets connections wait in the backlog and tries again, less and
// less often.
class Listener {
  public:
    Listener(Services& services, std::vector<std::unique_ptr<Shard>>& shards);

    // Binds and listens, before the shards run, or takes the socket of `listen_fd`. The host is an
    // address (IPv6 with or without brackets) or a name that has one. Throws ListenError.
    void open();
    // After open().
    std::uint16_t port() const noexcept { return port_; }
    // Begins to accept. Any thread.
    void start();
    // Frees the port. On the first shard's thread, or after it has ended.
    void close();

    // Connections that have not said yet what they want. Any thread.
    unsigned handshakes() const noexcept { return admission_->handshakes(); }

  private:
    void adopt(int descriptor);
    void wait();
    void accept_some();
    void pause(int error);
    void hand_over(int descriptor, const boost::asio::ip::tcp::endpoint& client);
    // A place for the connection; nullptr: there is none. Set `refusal`: all it gets is that.
    std::shared_ptr<Ticket> admit(const boost::asio::ip::tcp::endpoint& client, Shard& shard,
                                  std::optional<Refusal>& refusal);
    Shard& least_busy() const;

    Services& services_;
    std::vector<std::unique_ptr<Shard>>& shards_;
    std::shared_ptr<Admission> admission_;
    std::shared_ptr<Admission> refusals_;  // connections kept only to tell them 503
    std::atomic<std::uint64_t> refusal_count_ = 0;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer retry_;
    std::chrono::milliseconds retry_after_{0};
    std::uint16_t port_ = 0;
};

}  // namespace jac::cloud
