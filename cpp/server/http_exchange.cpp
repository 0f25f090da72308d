#include "server/http_exchange.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace jac::cloud {

// The mutex is held for a few instructions or a copy, never while calling out (wake_, queue_).

HttpExchange::HttpExchange(HttpRequest request, std::shared_ptr<HttpQueue> queue,
                           std::function<void()> wake)
    : request_(std::move(request)),
      queue_(std::move(queue)),
      wake_(std::move(wake)),
      encoder_({.head = request_.method == "HEAD",
                .http10 = request_.http10,
                .keep_alive = request_.keep_alive}) {}

HttpExchange::Body HttpExchange::read() {
    Body body;
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        body.bytes = std::exchange(body_, {});
        body.more = !body_complete_;
        reader_waits_ = body.bytes.empty() && body.more;
        const bool ask =
            reader_waits_ && request_.expects_continue && !body_asked_for_ && !encoder_.started();
        if (ask) {
            body_asked_for_ = true;
            output_ += "HTTP/1.1 100 Continue\r\n\r\n";
        }
        const bool resume = std::exchange(reading_paused_, false);
        wake = (ask || resume) && !closed_ && !std::exchange(wake_pending_, true);
    }
    if (wake) wake_();
    return body;
}

void HttpExchange::start(unsigned status, const HttpFields& fields) {
    const std::lock_guard lock(mutex_);
    encoder_.start(status, fields);
    // A client that still waits for "100 Continue" may now send its body or leave it: what comes
    // next on the connection could be either.
    if (!body_complete_) encoder_.close_after();
}

HttpExchange::Written HttpExchange::write(std::string_view data, bool more) {
    bool wake = false;
    auto written = Written::go_on;
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || abandoned_) return Written::gone;
        const auto before = output_.size();
        try {
            encoder_.write(data, more, output_);
        } catch (...) {
            output_.resize(before);
            throw;
        }
        if (more && output_.size() + in_flight_ > high_water) {
            writer_waits_ = true;
            written = Written::wait;
        }
        wake = !std::exchange(wake_pending_, true);
    }
    if (wake) wake_();
    return written;
}

bool HttpExchange::disconnected() const {
    const std::lock_guard lock(mutex_);
    return disconnected_;
}

void HttpExchange::abandon() {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || encoder_.finished() || std::exchange(abandoned_, true)) return;
        wake = !std::exchange(wake_pending_, true);
    }
    if (wake) wake_();
}

bool HttpExchange::add_body(std::string_view bytes, bool last) {
    bool tell = false;
    bool room = true;
    {
        const std::lock_guard lock(mutex_);
        if (closed_ || abandoned_) return true;  // thrown away, so there is always room
        body_ += bytes;
        body_complete_ = last;
        if (!body_.empty() || last) tell = std::exchange(reader_waits_, false);
        room = body_.size() < high_water;
        reading_paused_ = !room && !last;
    }
    if (tell) signal(HttpSignal::body);
    return room;
}

bool HttpExchange::wants_body() const {
    const std::lock_guard lock(mutex_);
    return !reading_paused_;
}

HttpExchange::Output HttpExchange::take_output() {
    const std::lock_guard lock(mutex_);
    wake_pending_ = false;
    Output output;
    output.bytes = std::exchange(output_, {});
    output.finished = encoder_.finished();
    output.abandoned = abandoned_;
    in_flight_ += output.bytes.size();
    if (encoder_.started() && !output.bytes.empty()) begun_ = true;
    return output;
}

void HttpExchange::sent(std::size_t bytes) {
    bool tell = false;
    {
        const std::lock_guard lock(mutex_);
        in_flight_ -= bytes;
        if (output_.size() + in_flight_ <= low_water) tell = std::exchange(writer_waits_, false);
    }
    if (tell) signal(HttpSignal::drained);
}

void HttpExchange::disconnect() {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(disconnected_, true)) return;
    }
    signal(HttpSignal::disconnect);
}

bool HttpExchange::close() {
    bool untouched = false;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        untouched = !begun_;
        output_ = {};
    }
    disconnect();
    return untouched;
}

bool HttpExchange::keep_alive() const {
    const std::lock_guard lock(mutex_);
    return encoder_.keep_alive();
}

void HttpExchange::signal(HttpSignal kind) {
    queue_->push(kind, shared_from_this());
}

HttpQueue::HttpQueue(std::size_t capacity)
    : capacity_(capacity), fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

HttpQueue::~HttpQueue() {
    ::close(fd_);
}

void HttpQueue::open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
}

void HttpQueue::close() {
    std::vector<Item> left;
    {
        const std::lock_guard lock(mutex_);
        open_ = false;
        clear_descriptor();
        left.swap(items_);
        requests_ = 0;
    }
    for (const auto& item : left) {
        if (item.signal == HttpSignal::request) item.exchange->abandon();
    }
}

bool HttpQueue::is_open() const {
    const std::lock_guard lock(mutex_);
    return open_;
}

bool HttpQueue::push_request(std::shared_ptr<HttpExchange> exchange) {
    const std::lock_guard lock(mutex_);
    if (!open_ || requests_ >= capacity_) return false;
    ++requests_;
    put({HttpSignal::request, std::move(exchange)});
    return true;
}

void HttpQueue::push(HttpSignal signal, std::shared_ptr<HttpExchange> exchange) {
    const std::lock_guard lock(mutex_);
    if (open_) put({signal, std::move(exchange)});
}

void HttpQueue::put(Item item) {
    items_.push_back(std::move(item));
    if (items_.size() == 1) eventfd_write(fd_, 1);
}

void HttpQueue::clear_descriptor() {
    eventfd_t ignored = 0;
    if (!items_.empty()) eventfd_read(fd_, &ignored);
}

std::vector<HttpQueue::Item> HttpQueue::take() {
    std::vector<Item> taken;
    const std::lock_guard lock(mutex_);
    clear_descriptor();
    taken.swap(items_);
    requests_ = 0;
    return taken;
}

}  // namespace jac::cloud
