#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/handshake.hpp"
#include "server/shard.hpp"
#include "server/stream.hpp"

namespace jac::cloud {

struct Endpoints;
struct HttpRequest;
class HttpExchange;
class HttpRequestParser;

// Serves HTTP/1.1 on an accepted connection of the shard's io_context until it is upgraded or
// closed: /websocket and /healthz at once, everything else through the services' HttpQueue. On the
// shard's thread.
class HttpSession final : public Connection, public std::enable_shared_from_this<HttpSession> {
  public:
    HttpSession(Shard& shard, Stream stream, std::shared_ptr<Ticket> ticket);
    ~HttpSession() override;
    HttpSession(const HttpSession&) = delete;
    HttpSession& operator=(const HttpSession&) = delete;

    // Waits for requests, for the head of the first one until `deadline`.
    void start(std::chrono::steady_clock::time_point deadline);
    // Answers at once, and closes; the answer has an id, and the log a line with it.
    void refuse(const Refusal& refusal);

    void drain() override;
    void finish() override;
    void abort() override { close(); }

  private:
    using Clock = std::chrono::steady_clock;
    using Error = boost::system::error_code;

    enum class State {
        head,        // waiting for a request, or for the rest of its head
        body,        // the application has the request, its body is still coming
        responding,  // the application has all of the request
        token,       // an upgrade waits for its token to be checked, or for the policy
        upgrading,   // and now for the last read to be cancelled
        closing,     // the last response is being sent
        lingering,   // it has been
        closed,
    };

    void read();
    bool wants_input() const;
    void on_readable(const Error& error);
    void on_end_of_input(bool orderly);
    void process();
    bool process_some();
    bool read_head();
    void route();
    void answer(unsigned status, std::string_view json);
    void await_request();

    void open_websocket();
    bool find_place();
    void check_token(std::string token);
    void on_token(const TokenAnswer& answer);
    void admit(const Identity& identity);
    void on_policy(std::uint64_t question, std::optional<bool> allowed);
    void join(Verdict verdict);
    void upgrade();
    void hand_over();

    void start_exchange();
    std::shared_ptr<const Endpoints> find_endpoints() const;
    void read_body();
    void fail_exchange(const Refusal& refusal);
    void on_wake();
    void pump();
    void end_exchange();

    void send(std::string bytes);
    void write_some();
    void await_room();
    void on_written();
    void linger();
    void close();

    void set_read_deadline(double seconds);
    void set_read_deadline(Clock::time_point deadline);
    void extend_read_deadline(std::size_t received);
    void clear_read_deadline() { read_deadline_.reset(); }
    void arm_timer();
    void on_timer();
    void on_read_timeout();

    bool draining() const { return shard_.services().draining.load(std::memory_order_relaxed); }
    void log(LogLevel level, std::string event,
             std::vector<std::pair<std::string, std::string>> fields = {});
    const HttpRequest* current_request() const;
    void log_refusal(const Refusal& refusal, const HttpRequest* request, const std::string& id);
    std::string client_address() const;
    void reached(Limit limit);

    Shard& shard_;
    Stream stream_;
    boost::asio::steady_timer timer_;
    std::shared_ptr<Ticket> ticket_;
    std::shared_ptr<HttpSession> self_;  // until it is closed: nothing else owns it
    State state_ = State::head;

    std::string input_;         // received and not yet used
    std::size_t searched_ = 0;  // of it, without the end of a head
    bool head_begun_ = false;
    bool served_ = false;  // a request, so that waiting for another is idling
    bool reading_ = false;
    bool processing_ = false;
    bool postponed_ = false;  // process() goes on in the next turn
    bool pumping_ = false;
    bool input_ended_ = false;
    bool last_request_ = false;  // close after the response
    std::unique_ptr<HttpRequestParser> parser_;
    std::shared_ptr<HttpExchange> exchange_;
    std::shared_ptr<const Endpoints> endpoints_;  // once an exchange has asked for them
    AcceptedUpgrade upgrade_;
    Identity identity_;
    std::unique_ptr<PolicyQuestion> question_;  // that the upgrade waits for
    std::string forwarded_for_;                 // the client of a trusted proxy, by its word

    std::string output_;  // being sent
    std::size_t sent_ = 0;
    std::string last_output_;  // the refusal that follows it
    bool writing_ = false;

    // The timer is set anew only for an earlier deadline: later ones are seen when it fires, so
    // that a request costs no timer operation.
    std::optional<Clock::time_point> read_deadline_;
    std::optional<Clock::time_point> write_deadline_;
    std::optional<Clock::time_point> timer_set_for_;
};

// Without the prefix of an IPv4 address that came over IPv6.
std::string address_text(const boost::asio::ip::address& address);

// What a server says that has no room, or is about to stop.
Refusal service_unavailable(std::string reason);

}  // namespace jac::cloud
