#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "server/descriptor.hpp"
#include "tls/tls_stream.hpp"

namespace jac::cloud {

// A connected, non-blocking socket, plain or under TLS: what sessions read and write, which see no
// difference. To be waited for by socket(), until it is released. One thread's own.
class Stream {
  public:
    explicit Stream(boost::asio::ip::tcp::socket socket, std::unique_ptr<TlsStream> tls = nullptr)
        : socket_(std::move(socket)), tls_(std::move(tls)) {}

    boost::asio::ip::tcp::socket& socket() noexcept { return socket_; }
    const boost::asio::ip::tcp::socket& socket() const noexcept { return socket_; }
    // Takes it out of Asio's reactor: from now on it is waited for by descriptor().
    void release();
    int descriptor() const noexcept { return released_.get(); }
    bool is_open() const noexcept { return socket_.is_open() || released_.get() >= 0; }
    bool secure() const noexcept { return tls_ != nullptr; }

    // Of what write() is given.
    static constexpr std::size_t most_views = 64;

    // One system call. Nothing is left that only a further read would give: the socket says when
    // there is more, and Transfer::more whether it may have said so already. `into` holds
    // TlsStream::least_read bytes or more.
    Transfer read(std::span<char> into);
    // As much as the socket takes at once of the first views; under TLS one record. What
    // was given and not taken must come first the next time, with no less behind it.
    Transfer write(std::span<const std::string_view> views);

    // Tells the peer that nothing more comes: close_notify under TLS, then the half-close. False:
    // it has gone.
    bool end_sending();
    // Before the end of a connection on which nothing is half sent: close_notify under TLS, so that
    // the peer knows that nothing was cut off (RFC 8446 section 6.1).
    void say_end();
    void close();

  private:
    int number() { return released_.get() >= 0 ? released_.get() : socket_.native_handle(); }

    boost::asio::ip::tcp::socket socket_;
    Descriptor released_;
    std::unique_ptr<TlsStream> tls_;
};

}  // namespace jac::cloud
