#include "server/websocket_connection.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace jac::cloud {

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
    stream_.release();
    open(response_head);
    if (!leftover.empty()) receive(leftover);
    schedule();
    if (stream_.is_open() && !shard_.poller().watch(stream_.descriptor(), *this)) abort();
}

// --- reading

void WebsocketConnection::on_ready() {
    if (std::exchange(writable_, false) && std::exchange(waiting_write_, false)) {
        context().hub.flush_later(*this);
    }
    if (!reading()) {
        // Who is not read from for now may go all the same.
        if (broken_) abort();
    } else if (readable_) {
        read();
    }
}

// Once: others have their turn before what else there may be.
void WebsocketConnection::read() {
    auto& buffer = shard_.read_buffer();
    const auto got = stream_.read(buffer);
    // The end is said once, and may lie behind what was read.
    readable_ = got.more || hung_up_;
    context().now = std::chrono::steady_clock::now();
    if (got.bytes != 0) receive({buffer.data(), got.bytes});
    if (got.outcome == Transfer::Outcome::open) {
        changed();
    } else {
        abort();
    }
}

void WebsocketConnection::go_on_reading() {
    if (stream_.is_open() && readable_ && reading()) shard_.poller().make_ready(*this);
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

std::size_t WebsocketConnection::write_now(std::string_view bytes) {
    if (!stream_.is_open() || waiting_write_ || ended() || deaf()) return 0;
    return stream_.write({&bytes, 1}).bytes;
}

Transfer WebsocketConnection::write_front() {
    if (outbox().slices() == 1) {
        std::string_view view;
        outbox().front({&view, 1});
        return stream_.write({&view, 1});
    }
    std::array<std::string_view, Stream::most_views> views;
    const auto count = outbox().front(views);
    return stream_.write({views.data(), count});
}

// True once the outbox is empty.
bool WebsocketConnection::write_some() {
    while (!outbox().empty()) {
        const auto sent = write_front();
        if (sent.blocked()) {
            outbox().settle();
            waiting_write_ = true;
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
    // Its last bytes wait to be read, so that its end does not show there.
    if (!reading() && hung_up_) return abort();
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
    shard_.walker_submitted();
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
    go_on_reading();
}

// --- the end

void WebsocketConnection::abort() {
    close_socket();
    lost();
    retire_if_done();
}

void WebsocketConnection::close_stream() {
    stream_.say_end();
    abort();
}

void WebsocketConnection::close_socket() {
    if (!stream_.is_open()) return;
    shard_.poller().unwatch(stream_.descriptor(), *this);
    stream_.close();
}

// A session whose socket is gone lives on while its events are being worked through.
void WebsocketConnection::retire_if_done() {
    if (!stream_.is_open() && !busy()) shard_.remove(*this);
}

}  // namespace jac::cloud
