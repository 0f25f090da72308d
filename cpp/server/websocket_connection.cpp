#include "server/websocket_connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace jac::cloud {

namespace net = boost::asio;

WebsocketConnection::WebsocketConnection(Shard& shard, Stream stream, std::uint64_t number,
                                         std::string client_id, std::string channel_id,
                                         const Identity& identity, int deflate_window,
                                         std::shared_ptr<Ticket> ticket)
    : Session(shard.sessions(), number, std::move(client_id), std::move(channel_id), identity,
              deflate_window),
      shard_(shard),
      stream_(std::move(stream)),
      ticket_(std::move(ticket)) {}

void WebsocketConnection::start(std::string_view response_head, std::span<char> leftover) {
    open(response_head);
    if (!leftover.empty()) receive(leftover);
    schedule();
    read();
}

// --- reading

void WebsocketConnection::read() {
    if (!stream_.is_open()) return;
    if (!reading()) {
        watch_for_reset();
        return;
    }
    if (waiting_read_) return;
    waiting_read_ = true;
    stream_.socket().async_wait(
        net::socket_base::wait_read,
        [self = shared_from_this()](const boost::system::error_code& error) {
            self->waiting_read_ = false;
            if (!error) self->on_readable();
        });
}

// Who is not read from for now may go all the same.
void WebsocketConnection::watch_for_reset() {
    if (waiting_reset_) return;
    waiting_reset_ = true;
    stream_.socket().async_wait(
        net::socket_base::wait_error,
        [self = shared_from_this()](const boost::system::error_code& error) {
            self->waiting_reset_ = false;
            if (!error) self->abort();
        });
}

// Of a peer that is not read from, whose last bytes may hide that it has said it is the end.
bool WebsocketConnection::peer_has_ended() {
    tcp_info info{};
    socklen_t size = sizeof info;
    const int socket = stream_.socket().native_handle();
    return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state != TCP_ESTABLISHED;
}

void WebsocketConnection::on_readable() {
    if (!reading()) return;
    auto& buffer = shard_.read_buffer();
    const auto got = stream_.read(buffer);
    if (got.blocked()) {
        read();
        return;
    }
    context().now = std::chrono::steady_clock::now();
    if (got.bytes != 0) receive({buffer.data(), got.bytes});
    if (got.outcome == Transfer::Outcome::open) {
        changed();
    } else {
        abort();
    }
}

// --- writing

// The end of a turn that queued something for this session.
void WebsocketConnection::flush() {
    end_if_overflowed();
    if (!stream_.is_open()) {
        outbox().clear();
        return;
    }
    if (waiting_write_) {
        outbox().settle();
        return;
    }
    if (!write_some()) return;
    if (ended()) {
        close_stream();
    } else if (deaf()) {
        stream_.end_sending();  // a peer that has gone shows at the next read
    }
}

// True once the outbox is empty.
bool WebsocketConnection::write_some() {
    std::array<std::string_view, Stream::most_views> views;
    while (!outbox().empty()) {
        const auto count = outbox().front(views);
        const auto sent = stream_.write({views.data(), count});
        if (sent.blocked()) {
            outbox().settle();
            wait_writable();
            return false;
        }
        if (sent.outcome != Transfer::Outcome::open) {
            abort();
            return false;
        }
        outbox().consume(sent.bytes);
    }
    return true;
}

void WebsocketConnection::wait_writable() {
    waiting_write_ = true;
    stream_.socket().async_wait(
        net::socket_base::wait_write,
        [self = shared_from_this()](const boost::system::error_code& error) {
            self->waiting_write_ = false;
            if (!error) self->context().hub.flush_later(*self);
        });
}

// --- time

void WebsocketConnection::schedule() {
    constexpr std::chrono::milliseconds between_looks{500};
    auto due = deadline();
    if (!reading()) due = std::min(due, context().now + between_looks);
    if (due >= scheduled_) return;  // the wheel comes by before then
    scheduled_ = due;
    shard_.wake_at(number(), due);
}

void WebsocketConnection::on_wheel(TimePoint due) {
    if (due != scheduled_) return;  // an earlier place was taken since
    scheduled_ = TimePoint::max();
    if (!reading() && peer_has_ended()) return abort();
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
    auto& services = shard_.services();
    if (!services.walker_lane.has_idle()) {
        services.limits.reached(Limit::workers, "client_id", client_id());
    }
    services.walker_lane.push(WalkerJob(std::move(request), std::move(done)));
}

void WebsocketConnection::submit_token(std::string token, std::uint64_t check) {
    auto done = [mailbox = shard_.mailbox(), &shard = shard_, number = number(),
                 check](const TokenAnswer& answer) {
        mailbox->post(
            [&shard, number, check, answer] { shard.answer_token(number, check, answer); });
    };
    const auto due = context().now + to_duration(context().config.handshake_timeout);
    shard_.services().token_lane.push(
        TokenCheck(std::move(token), shard_.services().revocations, due, std::move(done)));
}

void WebsocketConnection::submit_question(const PolicyQuestion& question) {
    auto decided = [mailbox = shard_.mailbox(), &shard = shard_, number = number(),
                    asked = question.number](std::optional<bool> allowed) {
        mailbox->post(
            [&shard, number, asked, allowed] { shard.answer_policy(number, asked, allowed); });
    };
    shard_.services().policy_lane.push(context().policy.ask(question, std::move(decided)));
}

void WebsocketConnection::answer_walker(std::string_view reply, std::optional<ReplyError> error) {
    walker_done(reply, error);
    retire_if_done();
}

void WebsocketConnection::answer_token(std::uint64_t check, const TokenAnswer& answer) {
    token_checked(check, answer);
    retire_if_done();
}

void WebsocketConnection::answer_policy(std::uint64_t question, std::optional<bool> allowed) {
    policy_decided(question, allowed);
    retire_if_done();
}

void WebsocketConnection::changed() {
    if (ended() && outbox().empty()) {
        close_stream();
        return;
    }
    schedule();
    read();
}

// --- the end

void WebsocketConnection::abort() {
    stream_.close();
    lost();
    retire_if_done();
}

void WebsocketConnection::close_stream() {
    stream_.close_in_order();
    lost();
    retire_if_done();
}

// A session whose socket is gone lives on while its events are being worked through.
void WebsocketConnection::retire_if_done() {
    if (!stream_.is_open() && !busy()) shard_.remove(*this);
}

}  // namespace jac::cloud
