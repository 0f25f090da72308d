#include "server/stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace jac::cloud {

namespace {

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

void Stream::release() {
    boost::system::error_code error;
    released_ = Descriptor(socket_.release(error));
}

Transfer Stream::read(std::span<char> into) {
    if (tls_) return tls_->read(into);
    auto got = uninterrupted([&] { return ::recv(number(), into.data(), into.size(), 0); });
    got.more = got.bytes == into.size();
    return got;
}

Transfer Stream::write(std::span<const std::string_view> views) {
    if (tls_) return tls_->write(views);
    if (views.size() == 1) {  // which costs the kernel less than a list of one
        return uninterrupted(
            [&] { return ::send(number(), views[0].data(), views[0].size(), MSG_NOSIGNAL); });
    }
    std::array<iovec, most_views> vectors;
    const auto count = std::min(views.size(), most_views);
    for (std::size_t i = 0; i < count; ++i) {
        // sendmsg reads only: the const_cast is the interface's.
        vectors[i] = {const_cast<char*>(views[i].data()), views[i].size()};
    }
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = count;
    return uninterrupted([&] { return ::sendmsg(number(), &message, MSG_NOSIGNAL); });
}

bool Stream::end_sending() {
    if (tls_) tls_->close_notify();
    return ::shutdown(number(), SHUT_WR) == 0;
}

void Stream::say_end() {
    if (tls_ && is_open()) tls_->close_notify();
}

void Stream::close() {
    boost::system::error_code ignored;  // closing is all that is left to do
    socket_.close(ignored);
    released_.close();
}

}  // namespace jac::cloud
