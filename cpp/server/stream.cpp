#include "server/stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace jac::cloud {

namespace {

using Socket = boost::asio::ip::tcp::socket;

// What a system call returned.
Transfer transfer(ssize_t count) {
    if (count > 0) return {static_cast<std::size_t>(count), Transfer::Outcome::open};
    if (count == 0) return {0, Transfer::Outcome::ended};
    return {0, errno == EAGAIN ? Transfer::Outcome::open : Transfer::Outcome::failed};
}

template <class Call>
Transfer uninterrupted(Call call) {
    while (true) {
        const auto count = call();
        if (count >= 0 || errno != EINTR) return transfer(count);
    }
}

}  // namespace

Transfer Stream::read(std::span<char> into) {
    if (tls_) return tls_->read(into);
    return uninterrupted(
        [&] { return ::recv(socket_.native_handle(), into.data(), into.size(), 0); });
}

Transfer Stream::write(std::span<const std::string_view> views) {
    if (tls_) return tls_->write(views);
    std::array<iovec, most_views> vectors;
    const auto count = std::min(views.size(), most_views);
    for (std::size_t i = 0; i < count; ++i) {
        // sendmsg reads only: the const_cast is the interface's.
        vectors[i] = {const_cast<char*>(views[i].data()), views[i].size()};
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    return uninterrupted(
        [&] { return ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL); });
}

bool Stream::end_sending() {
    if (tls_) tls_->close_notify();
    boost::system::error_code error;
    socket_.shutdown(Socket::shutdown_send, error);
    return !error;
}

void Stream::close_in_order() {
    if (tls_ && socket_.is_open()) tls_->close_notify();
    close();
}

void Stream::close() {
    boost::system::error_code ignored;  // closing is all that is left to do
    socket_.close(ignored);
}

}  // namespace jac::cloud
