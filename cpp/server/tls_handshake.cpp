#include "server/tls_handshake.hpp"

#include <sys/socket.h>

#include <cctype>
#include <utility>

#include "server/http_session.hpp"

namespace jac::cloud {

namespace {

using Error = boost::system::error_code;

// RFC 8446 section 5.1: what a ClientHello's record begins with.
constexpr char handshake_record = 22;

void serve_http(Shard& shard, Stream stream, const std::optional<Refusal>& refusal,
                std::shared_ptr<Ticket> ticket, std::chrono::steady_clock::time_point deadline) {
    const auto session = std::make_shared<HttpSession>(shard, std::move(stream), std::move(ticket));
    if (refusal) {
        session->refuse(*refusal);
    } else {
        session->start(deadline);
    }
}

std::chrono::steady_clock::time_point deadline_of(const Shard& shard) {
    return std::chrono::steady_clock::now() + to_duration(shard.config().handshake_timeout);
}

}  // namespace

TlsHandshake::TlsHandshake(Shard& shard, Socket socket, std::shared_ptr<const TlsContext> context,
                           std::optional<Refusal> refusal, std::shared_ptr<Ticket> ticket)
    : shard_(shard),
      socket_(std::move(socket)),
      timer_(shard.io()),
      deadline_(deadline_of(shard)),
      context_(std::move(context)),
      refusal_(std::move(refusal)),
      ticket_(std::move(ticket)) {
    shard_.connections().insert(this);
}

TlsHandshake::~TlsHandshake() {
    shard_.connections().erase(this);
}

void TlsHandshake::start() {
    timer_.expires_at(deadline_);
    timer_.async_wait([self = shared_from_this()](const Error& error) {
        if (error || self->closed_) return;
        Error ignored;
        const auto client = self->socket_.remote_endpoint(ignored);
        self->shard_.limits().reached(Limit::handshake_timeout, "client",
                                      address_text(client.address()));
        if (self->tls_) {
            self->fail("it took too long");
        } else {
            self->close();
        }
    });
    wait(Socket::wait_read);
}

void TlsHandshake::wait(Socket::wait_type what) {
    socket_.async_wait(what, [self = shared_from_this()](const Error& error) {
        if (!self->closed_ && !error) self->on_ready();
    });
}

void TlsHandshake::on_ready() {
    if (!tls_) return begin();
    shard_.costly_steps().add([self = shared_from_this()] {
        if (!self->closed_) self->step();
    });
}

// Nothing is spent on a connection before its first byte, which tells a client that does not know
// of TLS, too.
void TlsHandshake::begin() {
    char first = 0;
    const auto count = ::recv(socket_.native_handle(), &first, 1, MSG_PEEK);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return wait(Socket::wait_read);
    if (count <= 0) return close();  // a probe of a load balancer's, perhaps
    if (first != handshake_record) return refuse_plain();
    tls_ = std::make_unique<TlsStream>(std::move(context_), socket_.native_handle());
    on_ready();
}

void TlsHandshake::step() {
    switch (tls_->handshake()) {
        case TlsStream::Step::wants_read:
            return wait(Socket::wait_read);
        case TlsStream::Step::wants_write:
            return wait(Socket::wait_write);
        case TlsStream::Step::failed:
            return fail(tls_->problem());
        case TlsStream::Step::done: {
            auto& counters = shard_.counters();
            (tls_->resumed() ? counters.tls_resumed : counters.tls_handshakes).add();
            return go_on(Stream(std::move(socket_), std::move(tls_)), refusal_);
        }
    }
}

void TlsHandshake::refuse_plain() {
    go_on(Stream(std::move(socket_)),
          Refusal{400, "tls_required", "This port speaks https and wss!"});
}

void TlsHandshake::fail(const std::string& reason) {
    shard_.counters().tls_failures.add();
    Error error;
    const auto client = socket_.remote_endpoint(error);
    shard_.log().write_rarely(LogLevel::info, "tls_handshake_failed",
                              {{"reason", reason}, {"client", address_text(client.address())}});
    close();
}

void TlsHandshake::go_on(Stream stream, const std::optional<Refusal>& refusal) {
    closed_ = true;
    timer_.cancel();
    serve_http(shard_, std::move(stream), refusal, std::move(ticket_), deadline_);
}

void TlsHandshake::close() {
    if (closed_) return;
    closed_ = true;
    timer_.cancel();
    Error ignored;  // closing is all that is left to do
    socket_.close(ignored);
    ticket_.reset();
}

void begin_connection(Shard& shard, boost::asio::ip::tcp::socket socket,
                      const std::optional<Refusal>& refusal, std::shared_ptr<Ticket> ticket) {
    const auto& credentials = shard.services().tls;
    if (credentials) {
        std::make_shared<TlsHandshake>(shard, std::move(socket), credentials->current(), refusal,
                                       std::move(ticket))
            ->start();
    } else {
        serve_http(shard, Stream(std::move(socket)), refusal, std::move(ticket),
                   deadline_of(shard));
    }
}

}  // namespace jac::cloud
