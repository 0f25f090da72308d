#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "server/http_response.hpp"

namespace jac::cloud {

// The two ends of a connection.
struct Endpoints {
    std::string client_address;
    std::uint16_t client_port = 0;
    std::string server_address;
    std::uint16_t server_port = 0;
    bool secure = false;  // TLS
};

// A request for the application, as it came.
struct HttpRequest {
    std::string method;
    std::string target;  // path and query, undecoded
    bool http10 = false;
    HttpFields fields;  // names in lower case
    std::shared_ptr<const Endpoints> endpoints;
    bool keep_alive = true;         // what the client asks for
    bool expects_continue = false;  // the body comes once it is asked for
};

// What the application is told of an exchange.
enum class HttpSignal {
    request,     // here it is
    body,        // read() has more than when it was empty
    drained,     // write() has room again
    disconnect,  // the client has gone, or what it sends cannot be read any further
};

class HttpQueue;

// One request and its response, between the I/O thread that has the connection and the thread that
// runs the application. Thread-safe. Both directions hold a bounded number of bytes: who fills one
// is told when to stop and when to go on.
class HttpExchange : public std::enable_shared_from_this<HttpExchange> {
  public:
    static constexpr std::size_t high_water = std::size_t{256} << 10;
    static constexpr std::size_t low_water = std::size_t{64} << 10;

    // `wake` is called from any thread when the connection has something to do: take_output(), or
    // go on reading when wants_body(). It must neither block nor call back.
    HttpExchange(HttpRequest request, std::shared_ptr<HttpQueue> queue, std::function<void()> wake);

    const HttpRequest& request() const noexcept { return request_; }

    // --- the application's side ---

    // What the application knows this exchange by; for its side alone, which sees to locking.
    std::weak_ptr<void> handle;

    struct Body {
        std::string bytes;
        bool more;  // false: that was all of it
    };
    // What has come of the body. Empty with `more`: wait for HttpSignal::body or disconnect.
    Body read();

    // See ResponseEncoder::start for what is thrown. Nothing is sent before the first write().
    void start(unsigned status, const HttpFields& fields);

    enum class Written {
        go_on,
        wait,  // too much waits to be sent: go on after HttpSignal::drained
        gone,  // nobody reads this any more
    };
    // See ResponseEncoder::write for what is thrown.
    Written write(std::string_view data, bool more);

    bool disconnected() const;

    // Nobody will finish the response: a whole one is left alone; one not begun is answered for by
    // the connection; one half sent is cut off.
    void abandon();

    // --- the connection's side ---

    // Adds to the body. Returns whether there is room for more.
    bool add_body(std::string_view bytes, bool last);
    bool wants_body() const;

    struct Output {
        std::string bytes;
        bool finished = false;   // these are the last
        bool abandoned = false;  // abandon() before it was finished
    };
    Output take_output();

    // So many bytes of what take_output() gave are on their way.
    void sent(std::size_t bytes);

    // The client sends no more. What is written still reaches it, if it listens.
    void disconnect();

    // The connection has no use for a response any more, or gives its own. Returns whether nothing
    // of the application's had been taken.
    bool close();

    // After the response is finished.
    bool keep_alive() const;

  private:
    friend class HttpQueue;

    void signal(HttpSignal kind);

    const HttpRequest request_;
    const std::shared_ptr<HttpQueue> queue_;
    const std::function<void()> wake_;

    mutable std::mutex mutex_;
    std::string body_;
    bool body_complete_ = false;
    bool body_asked_for_ = false;  // read() found nothing while the client waits for "continue"
    bool reader_waits_ = false;
    bool reading_paused_ = false;

    ResponseEncoder encoder_;
    std::string output_;
    bool begun_ = false;         // some of it was taken
    std::size_t in_flight_ = 0;  // taken and not yet sent
    bool writer_waits_ = false;
    bool abandoned_ = false;
    bool disconnected_ = false;
    bool closed_ = false;
    bool wake_pending_ = false;
};

// The way to the application's thread: a queue with a file descriptor that an event loop can wait
// for. Thread-safe. Bounded: requests by `capacity`, the other signals by one of a kind an
// exchange.
class HttpQueue {
  public:
    struct Item {
        HttpSignal signal;
        std::shared_ptr<HttpExchange> exchange;
    };

    // Throws std::system_error when there is no descriptor left.
    explicit HttpQueue(std::size_t capacity = 1024);
    ~HttpQueue();
    HttpQueue(const HttpQueue&) = delete;
    HttpQueue& operator=(const HttpQueue&) = delete;

    // Readable while there is something to take.
    int fd() const noexcept { return fd_; }

    // An application takes from now on; until then, and after close(), requests are refused.
    void open();
    // What was not taken is abandoned.
    void close();
    bool is_open() const;

    // False: there is no application, or it is too far behind.
    bool push_request(std::shared_ptr<HttpExchange> exchange);
    void push(HttpSignal signal, std::shared_ptr<HttpExchange> exchange);

    // Everything there is; never blocks.
    std::vector<Item> take();

    // Takes no lock: as of a moment ago.
    std::size_t waiting_requests() const noexcept {
        return requests_.load(std::memory_order_relaxed);
    }

  private:
    void put(Item item);
    void clear_descriptor();

    const std::size_t capacity_;
    int fd_ = -1;
    mutable std::mutex mutex_;
    std::vector<Item> items_;
    std::atomic<std::size_t> requests_ = 0;  // changed under the mutex
    bool open_ = false;
};

}  // namespace jac::cloud
