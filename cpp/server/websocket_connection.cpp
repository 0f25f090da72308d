#include "server/websocket_connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

namespace jac::cloud {

namespace net = boost::asio;

WebsocketConnection::WebsocketConnection(Shard& shard, net::ip::tcp::socket socket,
                                         std::uint64_t number, std::string client_id,
                                         std::string channel_id, const Identity& identity,
                                         int deflate_window, std::shared_ptr<void> ticket)
    : Session(shard.sessions(), number, std::move(client_id), std::move(channel_id), identity,
              deflate_window),
      shard_(shard),
      socket_(std::move(socket)),
      ticket_(std::move(ticket)) {}

void WebsocketConnection::start(std::string_view response_head, std::span<char> leftover) {
    boost::system::error_code ignored;  // a socket that is gone shows at the first read
    socket_.non_blocking(true, ignored);
    open(response_head);
    if (!leftover.empty()) receive(leftover);
    schedule();
    read();
}

// --- reading

void WebsocketConnection::read() {
    if (!socket_.is_open()) return;
    if (!reading()) {
        watch_for_reset();
        return;
    }
    if (waiting_read_) return;
    waiting_read_ = true;
    socket_.async_wait(net::socket_base::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                           self->waiting_read_ = false;
                           if (!error) self->on_readable();
                       });
}

// Who is not read from for now may go all the same.
void WebsocketConnection::watch_for_reset() {
    if (waiting_reset_) return;
    waiting_reset_ = true;
    socket_.async_wait(net::socket_base::wait_error,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                           self->waiting_reset_ = false;
                           if (!error) self->abort();
                       });
}

void WebsocketConnection::on_readable() {
    if (!reading()) return;
    auto& buffer = shard_.read_buffer();
    const auto got = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        read();
        return;
    }
    context().now = std::chrono::steady_clock::now();
    if (got <= 0) {
        abort();
        return;
    }
    receive({buffer.data(), static_cast<std::size_t>(got)});
    changed();
}

// --- writing

// The end of a turn that queued something for this session.
void WebsocketConnection::flush() {
    end_if_overflowed();
    if (!socket_.is_open()) {
        outbox().clear();
        return;
    }
    if (waiting_write_) {
        outbox().settle();
        return;
    }
    if (!write_some()) return;
    if (ended()) {
        close_socket();
    } else if (deaf()) {
        boost::system::error_code ignored;  // a peer that has gone shows at the next read
        socket_.shutdown(net::socket_base::shutdown_send, ignored);
    }
}

// True once the outbox is empty.
bool WebsocketConnection::write_some() {
    constexpr std::size_t most = 64;
    std::array<std::string_view, most> views;
    std::array<iovec, most> vectors;
    while (!outbox().empty()) {
        const auto count = outbox().front(views);
        for (std::size_t i = 0; i < count; ++i) {
            // sendmsg reads only: the const_cast is the interface's.
            vectors[i] = {const_cast<char*>(views[i].data()), views[i].size()};
        }
        msghdr message{};
        message.msg_iov = vectors.data();
        message.msg_iovlen = count;
        const auto sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) {
                outbox().settle();
                wait_writable();
            } else {
                abort();
            }
            return false;
        }
        outbox().consume(static_cast<std::size_t>(sent));
    }
    return true;
}

void WebsocketConnection::wait_writable() {
    waiting_write_ = true;
    socket_.async_wait(net::socket_base::wait_write,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                           self->waiting_write_ = false;
                           if (!error) self->context().hub.flush_later(*self);
                       });
}

// --- time

void WebsocketConnection::schedule() {
    const auto due = deadline();
    if (due >= scheduled_) return;  // the wheel comes by before then
    scheduled_ = due;
    shard_.wake_at(number(), due);
}

void WebsocketConnection::on_wheel(TimePoint due) {
    if (due != scheduled_) return;  // an earlier place was taken since
    scheduled_ = TimePoint::max();
    if (context().now >= deadline()) on_deadline();
    schedule();
}

// --- work

void WebsocketConnection::submit_walker(WalkerJob::Request request) {
    // Neither holds this object: an answer that comes too late finds nobody, and that is all.
    auto done = [mailbox = shard_.mailbox(), &shard = shard_, number = number()](
                    std::string reply, std::optional<ReplyError> error) {
        mailbox->post([&shard, number, reply = std::move(reply), error] {
            shard.answer_walker(number, reply, error);
        });
    };
    shard_.services().walker_lane.push(WalkerJob(std::move(request), std::move(done)));
}

void WebsocketConnection::submit_token(std::string token) {
    auto done = [mailbox = shard_.mailbox(), &shard = shard_,
                 number = number()](const std::optional<Identity>& identity) {
        mailbox->post([&shard, number, identity] { shard.answer_token(number, identity); });
    };
    shard_.services().token_lane.push(
        TokenCheck(std::move(token), shard_.services().revocations, std::move(done)));
}

void WebsocketConnection::answer_walker(std::string_view reply, std::optional<ReplyError> error) {
    walker_done(reply, error);
    retire_if_done();
}

void WebsocketConnection::answer_token(const std::optional<Identity>& identity) {
    token_checked(identity);
    retire_if_done();
}

void WebsocketConnection::changed() {
    if (ended() && outbox().empty()) {
        close_socket();
        return;
    }
    schedule();
    read();
}

// --- the end

void WebsocketConnection::abort() {
    lost();
    close_socket();
}

void WebsocketConnection::close_socket() {
    if (socket_.is_open()) {
        boost::system::error_code ignored;  // closing is all that is left to do
        socket_.shutdown(net::socket_base::shutdown_both, ignored);
        socket_.close(ignored);
    }
    lost();
    retire_if_done();
}

// A session whose socket is gone lives on while its events are being worked through.
void WebsocketConnection::retire_if_done() {
    if (!socket_.is_open() && !busy()) shard_.remove(*this);
}

}  // namespace jac::cloud
