// What an HttpSession does with a request: /healthz, the upgrade of /websocket, and the exchange
// with the application.
#include <algorithm>
#include <boost/asio/post.hpp>

#include "server/http_exchange.hpp"
#include "server/http_request_parser.hpp"
#include "server/http_response.hpp"
#include "server/http_session.hpp"

namespace jac::cloud {

namespace {

// Of a response whose application is as fast as its client; then others get their turn.
constexpr int pieces_a_turn = 8;

// "http://host/path?query" -> "/path?query". The guards have compared the host with Host.
void drop_authority(std::string& target) {
    const auto authority = target.find("//");
    if (target.starts_with('/') || authority == std::string::npos) return;
    target.erase(0, std::min(target.find_first_of("/?", authority + 2), target.size()));
    if (!target.starts_with('/')) target.insert(target.begin(), '/');
}

}  // namespace

void HttpSession::route() {
    auto& request = parser_->request();
    if (request.target != "*") drop_authority(request.target);
    const auto path = std::string_view(request.target).substr(0, request.target.find('?'));
    if (draining()) return refuse(service_unavailable("The server is about to stop!"));
    if (path == "/websocket") return open_websocket();
    ticket_->settle();
    if (path == "/healthz" && (request.method == "GET" || request.method == "HEAD")) {
        return answer(200, R"({"status":"ok"})");
    }
    start_exchange();
}

void HttpSession::answer(unsigned status, std::string_view json) {
    const auto& request = parser_->request();
    last_request_ = !request.keep_alive || !parser_->body_complete();
    auto response = json_response(status, json, request.method != "HEAD", !last_request_);
    shard_.counters().http.add(status);
    if (last_request_) {
        state_ = State::closing;
        clear_read_deadline();
    } else {
        await_request();
    }
    send(std::move(response));
}

// --- WebSocket ---

void HttpSession::open_websocket() {
    const auto& request = parser_->request();
    std::vector<HeaderField> fields;
    for (const auto& [name, value] : request.fields) fields.push_back({name, value});
    auto verdict =
        check_handshake({request.method, request.target, request.http10 ? 10U : 11U, fields},
                        shard_.config().allowed_origins, shard_.config().permessage_deflate);
    if (const auto* refusal = std::get_if<Refusal>(&verdict)) {
        if (refusal->status == 403) {
            std::string origin;
            for (const auto& field : fields) {
                if (field.name == "origin") origin = field.value;
            }
            log(LogLevel::warning, "origin_refused",
                {{"origin", origin}, {"setting", "allowed_origins"}});
        }
        return refuse(*refusal);
    }
    upgrade_ = std::move(std::get<AcceptedUpgrade>(verdict));
    if (!find_place()) return refuse(service_unavailable("There are too many connections!"));
    if (upgrade_.token) return check_token(std::move(*upgrade_.token));
    admit({});
}

// Behind a trusted proxy the client's address was not known when the connection was admitted.
bool HttpSession::find_place() {
    Error error;
    const auto peer = stream_.socket().remote_endpoint(error).address();
    const auto& proxies = shard_.services().proxies;
    if (error || !proxies.trusts(peer)) return true;
    std::string told;
    for (const auto& [name, value] : parser_->request().fields) {
        if (name != "x-forwarded-for") continue;
        if (!told.empty()) told += ',';
        told += value;
    }
    const auto client = proxies.client(peer, told);
    if (client == peer) return true;
    forwarded_for_ = address_text(client);
    if (ticket_->comes_from(forwarded_for_)) return true;
    reached(Limit::max_connections_per_address);
    return false;
}

void HttpSession::check_token(std::string token) {
    state_ = State::token;
    auto answered = [mailbox = shard_.mailbox(),
                     weak = weak_from_this()](const TokenAnswer& answer) {
        mailbox->post([weak, answer] {
            if (const auto self = weak.lock()) self->on_token(answer);
        });
    };
    auto& services = shard_.services();
    TokenCheck check(std::move(token), services.revocations,
                     read_deadline_.value_or(Clock::time_point::max()), std::move(answered));
    if (!services.token_lane.push(std::move(check))) {
        refuse(service_unavailable("The server is about to stop!"));
    }
}

void HttpSession::on_token(const TokenAnswer& answer) {
    if (state_ != State::token) return;
    if (const auto* identity = std::get_if<Identity>(&answer)) return admit(*identity);
    if (std::get<TokenProblem>(answer) == TokenProblem::unchecked) {
        return refuse(service_unavailable("The token cannot be checked now, try again!"));
    }
    refuse({401,
            "invalid_token",
            "The token is invalid or expired!",
            {{"WWW-Authenticate", "Bearer"}}});
}

// A channel of the client's choice is the policy's affair; nobody else knows one of its own.
void HttpSession::admit(const Identity& identity) {
    identity_ = identity;
    if (!upgrade_.channel_id) return upgrade();
    auto& policy = shard_.sessions().policy;
    auto considered = policy.may_join(identity, *upgrade_.channel_id, Clock::now());
    if (const auto* verdict = std::get_if<Verdict>(&considered)) return join(*verdict);

    question_ = std::make_unique<PolicyQuestion>(std::move(std::get<PolicyQuestion>(considered)));
    state_ = State::token;
    set_read_deadline(shard_.config().client_events_policy_timeout);
    auto decided = [mailbox = shard_.mailbox(), weak = weak_from_this(),
                    question = question_->number](std::optional<bool> allowed) {
        mailbox->post([weak, question, allowed] {
            if (const auto self = weak.lock()) self->on_policy(question, allowed);
        });
    };
    shard_.services().policy_lane.push(policy.ask(*question_, std::move(decided)));
}

void HttpSession::on_policy(std::uint64_t question, std::optional<bool> allowed) {
    if (state_ != State::token || !question_ || question_->number != question) return;
    const auto asked = std::move(question_);
    join(shard_.sessions().policy.settle(*asked, allowed, Clock::now()));
}

void HttpSession::join(Verdict verdict) {
    switch (verdict) {
        case Verdict::allowed:
            return upgrade();
        case Verdict::refused:
            return refuse({403, "forbidden", "You may not join this channel!"});
        case Verdict::unavailable:
            return refuse(service_unavailable("Who may join cannot be told now, try again!"));
    }
}

void HttpSession::upgrade() {
    state_ = State::upgrading;
    ticket_->settle();
    clear_read_deadline();
    if (!reading_) return hand_over();
    // The socket is not handed over with a read of ours pending: on_readable() goes on.
    Error ignored;
    stream_.socket().cancel(ignored);
}

void HttpSession::hand_over() {
    const auto keep = shared_from_this();
    shard_.counters().http.add(101);
    auto stream = std::move(stream_);
    Upgrade accepted{handshake_response(upgrade_),
                     std::move(input_),
                     upgrade_.channel_id.value_or(std::string()),
                     identity_,
                     upgrade_.deflate ? upgrade_.deflate->window_bits : 0,
                     std::move(ticket_)};
    close();
    shard_.start_websocket(std::move(stream), std::move(accepted));
}

// --- requests for the application ---

void HttpSession::start_exchange() {
    const auto queue = shard_.services().http;
    if (!queue || !queue->is_open()) {
        return refuse(service_unavailable("There is no application!"));
    }
    auto request = std::move(parser_->request());
    if (!endpoints_) endpoints_ = find_endpoints();
    request.endpoints = endpoints_;
    last_request_ = !request.keep_alive;

    exchange_ = std::make_shared<HttpExchange>(
        std::move(request), queue, [mailbox = shard_.mailbox(), weak = weak_from_this()] {
            mailbox->post([weak] {
                if (const auto self = weak.lock()) self->on_wake();
            });
        });
    state_ = State::body;
    clear_read_deadline();
    read_body();  // what has come already goes with the request
    if (exchange_ && !queue->push_request(exchange_)) {
        fail_exchange(service_unavailable("The application has too much to do!"));
    }
}

std::shared_ptr<const Endpoints> HttpSession::find_endpoints() const {
    Error error;
    const auto client = stream_.socket().remote_endpoint(error);
    const auto server = stream_.socket().local_endpoint(error);
    return std::make_shared<const Endpoints>(
        Endpoints{address_text(client.address()), client.port(), address_text(server.address()),
                  server.port(), stream_.secure()});
}

void HttpSession::read_body() {
    std::string body;
    std::size_t used = 0;
    if (auto refusal = parser_->read_body(input_, body, used)) {
        return fail_exchange(*refusal);
    }
    input_.erase(0, used);
    const bool complete = parser_->body_complete();
    const bool room =
        body.empty() && !complete ? exchange_->wants_body() : exchange_->add_body(body, complete);
    if (complete) {
        state_ = State::responding;
        parser_.reset();
    }
    // The client is not to blame for the time that the application takes.
    if (complete || !room) {
        clear_read_deadline();
    } else {
        extend_read_deadline(used);
    }
}

void HttpSession::fail_exchange(const Refusal& refusal) {
    const bool untouched = exchange_->close();
    if (untouched) return refuse(refusal);
    if (refusal.limit) reached(*refusal.limit);
    if (exchange_->request().http10) {
        // There the end of the connection is the end of the body: only a reset says otherwise.
        Error ignored;
        stream_.socket().set_option(boost::asio::socket_base::linger(true, 0), ignored);
    }
    close();
}

void HttpSession::on_wake() {
    if (!exchange_) return;
    pump();
    if (state_ == State::body && !read_deadline_ && exchange_->wants_body()) {
        set_read_deadline(shard_.config().body_timeout);
    }
    read();
}

void HttpSession::pump() {
    if (std::exchange(pumping_, true)) return;  // what left at once brought us here
    for (int pieces = 0; exchange_ && !writing_; ++pieces) {
        if (pieces == pieces_a_turn) {
            boost::asio::post(shard_.io(), [self = shared_from_this()] { self->pump(); });
            break;
        }
        auto output = exchange_->take_output();
        if (!output.bytes.empty()) {
            send(std::move(output.bytes));
        } else if (output.finished) {
            end_exchange();
        } else if (output.abandoned) {
            const bool stopped = draining() || !shard_.services().http->is_open();
            fail_exchange(stopped
                              ? service_unavailable("The application has stopped!")
                              : Refusal{500, "internal_error", "The application gave no answer!"});
        } else {
            break;
        }
    }
    pumping_ = false;
}

void HttpSession::end_exchange() {
    // A response that is done before its request leaves nothing to be read by but the rest of it.
    const bool keep =
        exchange_->keep_alive() && state_ == State::responding && !last_request_ && !draining();
    exchange_.reset();
    if (!keep) return linger();
    await_request();
    process();
    read();
}

Refusal service_unavailable(std::string reason) {
    return {503, "unavailable", std::move(reason), {{"Retry-After", "1"}}};
}

}  // namespace jac::cloud
