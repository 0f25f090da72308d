// The connection itself: reading, sending, deadlines, its end. What is done with a request is in
// http_routes.cpp.
#include "server/http_session.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>

#include "server/http_exchange.hpp"
#include "server/http_guards.hpp"
#include "server/http_request_parser.hpp"
#include "server/http_response.hpp"
#include "server/request_id.hpp"

namespace jac::cloud {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// How long a client is listened to after the last response, for closing on bytes that are still
// coming would reset the connection and take the response with it (RFC 9112 section 9.6).
constexpr std::chrono::seconds linger_time{2};

constexpr std::size_t read_bytes = 65536;

// Of requests that are pipelined, how much waits for the answers to those before.
constexpr std::size_t most_read_ahead = 8192;

// What one client may have of a turn of the loop, so that others get theirs.
constexpr int requests_a_turn = 16;
constexpr std::size_t bytes_a_turn = 1 << 20;

constexpr double least_body_rate = 500;  // bytes a second

constexpr std::size_t longest_logged_path = 256;

}  // namespace

HttpSession::HttpSession(Shard& shard, Stream stream, std::shared_ptr<Ticket> ticket)
    : shard_(shard), stream_(std::move(stream)), timer_(shard.io()), ticket_(std::move(ticket)) {
    shard_.connections().insert(this);
}

HttpSession::~HttpSession() {
    shard_.connections().erase(this);
}

// --- reading requests ---

void HttpSession::start(Clock::time_point deadline) {
    self_ = shared_from_this();
    set_read_deadline(deadline);
    on_readable({});  // most clients send at once
}

void HttpSession::read() {
    if (reading_ || input_ended_ || !wants_input()) return;
    reading_ = true;
    // Waiting without a buffer: an idle connection holds no memory for what it may send.
    stream_.socket().async_wait(
        tcp::socket::wait_read,
        [self = shared_from_this()](const Error& error) { self->on_readable(error); });
}

bool HttpSession::wants_input() const {
    // Pipelined requests wait, but not without a bound. What is read beyond the request tells
    // whether the client is still there.
    const bool ahead = input_.size() < most_read_ahead;
    switch (state_) {
        case State::head:
            return ahead || !(writing_ || processing_ || postponed_);
        case State::body:
            return exchange_->wants_body();
        case State::responding:
        case State::token:
        case State::closing:
            return ahead;
        case State::lingering:
            return true;
        case State::upgrading:
        case State::closed:
            return false;
    }
    return false;
}

void HttpSession::on_readable(const Error& error) {
    reading_ = false;
    if (state_ == State::closed) return;
    if (state_ == State::upgrading) return hand_over();
    if (error) return close();

    thread_local std::array<char, read_bytes> scratch;
    const auto got = stream_.read(scratch);
    if (got.bytes != 0) {
        input_.append(scratch.data(), got.bytes);
        process();
    }
    if (got.outcome == Transfer::Outcome::open) return read();
    if (state_ != State::closed) on_end_of_input(got.outcome == Transfer::Outcome::ended);
}

void HttpSession::on_end_of_input(bool orderly) {
    // Who has sent a whole request and then no more may still listen to the response.
    const bool may_listen = state_ == State::responding || state_ == State::closing;
    if (!orderly || !may_listen) return close();
    input_ended_ = true;
    last_request_ = true;
    if (exchange_) exchange_->disconnect();
}

void HttpSession::process() {
    if (std::exchange(processing_, true)) return;  // an answer that left at once brought us here
    int left = requests_a_turn;
    while (left > 0 && process_some()) --left;
    processing_ = false;
    if (left > 0 || std::exchange(postponed_, true)) return;
    asio::post(shard_.io(), [self = shared_from_this()] {
        self->postponed_ = false;
        self->process();
        self->read();
    });
}

// Returns whether there may be more to do with what has been received.
bool HttpSession::process_some() {
    switch (state_) {
        case State::head:
            return read_head();
        case State::body:
            read_body();
            return false;
        case State::closing:
        case State::lingering:
            input_.clear();
            return false;
        case State::responding:
        case State::token:
        case State::upgrading:
        case State::closed:
            return false;
    }
    return false;
}

bool HttpSession::read_head() {
    if (writing_) return false;  // responses leave in order, one at a time
    input_.erase(0, leading_empty_lines(input_));
    if (input_.empty()) return false;
    if (!std::exchange(head_begun_, true) && served_) {
        set_read_deadline(shard_.config().handshake_timeout);
    }
    if (looks_like_tls(input_)) {
        shard_.log().write_rarely(LogLevel::info, "tls_on_plain_port",
                                  {{"client", client_address()}});
        close();
        return false;
    }

    const auto length = head_length(input_, searched_);
    const auto head = std::string_view(input_).substr(0, length == 0 ? input_.size() : length);
    auto refusal = check_head_size(head, shard_.config().max_header_bytes);
    if (!refusal && length == 0) {
        searched_ = input_.size();
        return false;
    }
    if (!refusal) refusal = check_head(head);
    if (!refusal) {
        parser_ = std::make_unique<HttpRequestParser>(shard_.config().max_header_bytes,
                                                      shard_.config().max_body_bytes);
        refusal = parser_->read_head(head);
    }
    if (refusal) {
        refuse(*refusal);
        return false;
    }
    input_.erase(0, length);
    searched_ = 0;
    served_ = true;
    route();
    return true;
}

void HttpSession::await_request() {
    state_ = State::head;
    head_begun_ = false;
    parser_.reset();
    if (input_.empty()) input_ = {};
    set_read_deadline(shard_.config().idle_timeout);
}

// --- sending ---

void HttpSession::send(std::string bytes) {
    output_ = std::move(bytes);
    sent_ = 0;
    writing_ = true;
    write_some();
}

// Most of what is sent fits into the socket's buffer, and needs no turn of the loop.
void HttpSession::write_some() {
    for (std::size_t written = 0; sent_ < output_.size();) {
        if (written >= bytes_a_turn) return await_room();
        const auto left = std::string_view(output_).substr(sent_);
        const auto moved = stream_.write({&left, 1});
        if (moved.blocked()) return await_room();
        if (moved.outcome != Transfer::Outcome::open) return close();
        written += moved.bytes;
        sent_ += moved.bytes;
        if (exchange_) exchange_->sent(moved.bytes);
    }
    on_written();
}

void HttpSession::await_room() {
    write_deadline_ = Clock::now() + to_duration(shard_.config().body_timeout);
    arm_timer();
    stream_.socket().async_wait(tcp::socket::wait_write,
                                [self = shared_from_this()](const Error& error) {
                                    if (self->state_ == State::closed) return;
                                    if (error) return self->close();
                                    self->write_some();
                                });
}

void HttpSession::on_written() {
    writing_ = false;
    write_deadline_.reset();
    output_ = {};
    if (!last_output_.empty()) return send(std::exchange(last_output_, {}));
    if (state_ == State::closing) return linger();
    if (exchange_) return pump();
    process();
    read();
}

void HttpSession::refuse(const Refusal& refusal) {
    if (!self_) self_ = shared_from_this();
    const auto* const request = current_request();
    const auto id = request_id(request);
    auto response = refusal_response(refusal, id, request == nullptr || request->method != "HEAD");
    log_refusal(refusal, request, id);
    exchange_.reset();
    state_ = State::closing;
    clear_read_deadline();
    if (refusal.limit) reached(*refusal.limit);
    shard_.counters().http.add(refusal.status);
    if (writing_) {
        last_output_ = std::move(response);
    } else {
        send(std::move(response));
    }
    process();
    read();
}

void HttpSession::linger() {
    if (input_ended_) return close();
    state_ = State::lingering;
    input_ = {};
    if (!stream_.end_sending()) return close();
    read_deadline_ = Clock::now() + linger_time;
    arm_timer();
    read();
}

void HttpSession::close() {
    if (state_ == State::closed) return;
    state_ = State::closed;
    const bool in_order = !exchange_ && !writing_;
    if (exchange_) exchange_->close();
    exchange_.reset();
    if (in_order) stream_.say_end();
    stream_.close();
    timer_.cancel();
    ticket_.reset();
    const auto keep = std::move(self_);  // destroys this, perhaps, at the end of the function
}

// --- deadlines ---

void HttpSession::set_read_deadline(double seconds) {
    set_read_deadline(Clock::now() + to_duration(seconds));
}

void HttpSession::set_read_deadline(Clock::time_point deadline) {
    read_deadline_ = deadline;
    arm_timer();
}

// A body may fall behind its least rate for so long: a byte now and then does not keep it alive.
void HttpSession::extend_read_deadline(std::size_t received) {
    const auto latest = Clock::now() + to_duration(shard_.config().body_timeout);
    const auto earned = to_duration(static_cast<double>(received) / least_body_rate);
    read_deadline_ = read_deadline_ ? std::min(*read_deadline_ + earned, latest) : latest;
    arm_timer();
}

void HttpSession::arm_timer() {
    if (!read_deadline_ && !write_deadline_) return;
    const auto next = std::min(read_deadline_.value_or(Clock::time_point::max()),
                               write_deadline_.value_or(Clock::time_point::max()));
    if (timer_set_for_ && *timer_set_for_ <= next) return;
    timer_set_for_ = next;
    timer_.expires_at(next);
    timer_.async_wait([weak = weak_from_this()](const Error& error) {
        const auto self = weak.lock();
        if (!error && self && self->state_ != State::closed) self->on_timer();
    });
}

void HttpSession::on_timer() {
    timer_set_for_.reset();
    const auto now = Clock::now();
    if (write_deadline_ && *write_deadline_ <= now) {  // a client that does not read
        reached(Limit::body_timeout);
        return close();
    }
    if (read_deadline_ && *read_deadline_ <= now) {
        clear_read_deadline();
        on_read_timeout();
    }
    if (state_ != State::closed) arm_timer();
}

void HttpSession::on_read_timeout() {
    const Refusal too_slow{408, "request_timeout", "The request took too long!"};
    switch (state_) {
        case State::head:
            if (head_begun_ || !served_) reached(Limit::handshake_timeout);
            return head_begun_ && !writing_ ? refuse(too_slow) : close();
        case State::body:
            reached(Limit::body_timeout);
            return fail_exchange(too_slow);
        case State::token:
            if (question_) return on_policy(question_->number, std::nullopt);
            reached(Limit::handshake_timeout);
            return refuse(service_unavailable("The token could not be checked in time!"));
        case State::lingering:
            return close();
        case State::responding:
        case State::upgrading:
        case State::closing:
        case State::closed:
            return;
    }
}

// --- the server's end ---

void HttpSession::drain() {
    if (state_ == State::head && served_ && !head_begun_ && !writing_) close();
}

void HttpSession::finish() {
    last_request_ = true;
    if (state_ == State::head || state_ == State::token) {
        if (writing_) {
            state_ = State::closing;
        } else {
            close();
        }
    }
}

// nullptr where none has been read.
const HttpRequest* HttpSession::current_request() const {
    if (exchange_) return &exchange_->request();
    return parser_ ? &parser_->request() : nullptr;
}

void HttpSession::log_refusal(const Refusal& refusal, const HttpRequest* request,
                              const std::string& id) {
    std::vector<std::pair<std::string, std::string>> fields{{"request_id", id},
                                                            {"client", client_address()}};
    if (request != nullptr && !request->method.empty()) {
        const auto path = std::string_view(request->target);
        fields.emplace_back("method", request->method);
        // The query may hold what is nobody else's to know.
        fields.emplace_back("path", path.substr(0, std::min(path.find('?'), longest_logged_path)));
    }
    fields.emplace_back("status", std::to_string(refusal.status));
    fields.emplace_back("code", refusal.code);
    fields.emplace_back("reason", refusal.error);
    shard_.log().write_some(LogLevel::info, "request_refused", std::move(fields));
}

void HttpSession::log(LogLevel level, std::string event,
                      std::vector<std::pair<std::string, std::string>> fields) {
    fields.emplace_back("client", client_address());
    shard_.log().write_some(level, std::move(event), std::move(fields));
}

void HttpSession::reached(Limit limit) {
    shard_.limits().reached(limit, "client", client_address());
}

std::string HttpSession::client_address() const {
    if (!forwarded_for_.empty()) return forwarded_for_;
    Error error;
    const auto endpoint = stream_.socket().remote_endpoint(error);
    return error ? std::string() : address_text(endpoint.address());
}

std::string address_text(const asio::ip::address& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
    }
    return address.to_string();
}

}  // namespace jac::cloud
