#include "load.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace jac::cloud::bench {
namespace {

constexpr double ns_per_s = 1e9;
constexpr std::uint64_t one_second_ns = 1'000'000'000;
constexpr std::uint64_t longest_wait_ns = 20'000'000;
constexpr std::size_t sequences = 1 << 16;

std::uint64_t after(std::uint64_t start, double seconds) {
    return start + static_cast<std::uint64_t>(seconds * ns_per_s);
}

// Appends printf-formatted text.
template <typename... Values>
void print(std::string& out, const char* format, Values... values) {
    const int size = std::snprintf(nullptr, 0, format, values...);
    const std::size_t begin = out.size();
    out.resize(begin + static_cast<std::size_t>(size) + 1);
    std::snprintf(out.data() + begin, static_cast<std::size_t>(size) + 1, format, values...);
    out.pop_back();  // the terminating null
}

}  // namespace

struct Load::Mark {
    std::uint64_t time_ns;
    double server_cpu_s;
    double own_cpu_s;
    std::vector<CoreTime> cores;
    std::uint64_t completed;
    std::uint64_t reads;
    std::uint64_t frames;
};

Load::Load(const Options& options)
    : options_(options),
      protocol_(make_protocol(options_)),
      server_(options_.server_pids),
      scratch_(1 << 18),
      deliveries_(sequences, 0) {
    const int count = options_.connections;
    const int stalled =
        options_.is_fanout() ? static_cast<int>(std::lround(count * options_.stall_fraction)) : 0;
    // Stalled subscribers are spread evenly through the order of arrival.
    const int stride = stalled > 0 ? std::max(1, count / stalled) : 1;
    for (int i = 0; i < count; ++i) {
        auto connection = std::make_unique<Connection>();
        connection->subscriber = !options_.is_request_test();
        connection->stalled = i % stride == 0 && i / stride < stalled;
        connections_.push_back(std::move(connection));
    }
    stalled_subscribers_ = stalled;
    for (int i = 0; options_.is_fanout() && i < options_.publishers; ++i) {
        connections_.push_back(std::make_unique<Connection>());
        publishers_.push_back(connections_.back().get());
        publishers_.back()->publisher = true;
    }
}

Load::~Load() {
    for (const auto& connection : connections_) {
        if (connection->fd >= 0) close(connection->fd);
    }
    if (epoll_ >= 0) close(epoll_);
}

std::string Load::run() {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    connect_all();
    std::string report = "{" + report_connect();
    if (options_.is_idle() || !all_connected()) {
        print(report, ",\"srv_fds\":%ld}", server_.open_files());
        return report;
    }
    const std::uint64_t start = now_ns();
    running_ = true;
    last_progress_ns_ = start;
    next_due_ns_ = static_cast<double>(start);
    second_end_ns_ = start + one_second_ns;
    for (const auto& connection : connections_) {
        if (connection->subscriber && !connection->stalled) ++live_subscribers_;
        if (!options_.is_request_test() || options_.rate > 0) continue;
        for (int i = 0; i < options_.depth; ++i) send_request(*connection, now_ns());
        flush(*connection);
    }

    const auto load_until = [&](std::uint64_t end) {
        for (std::uint64_t now = now_ns(); now < end; now = now_ns()) {
            if (options_.timeline && now >= second_end_ns_) note_second();
            std::uint64_t wait_ns = longest_wait_ns;
            if (options_.is_fanout()) {
                publish_what_is_due(now);
            } else if (options_.is_request_test() && options_.rate > 0) {
                request_what_is_due(now);
            }
            if (options_.rate > 0) {
                const auto left_ns = std::max(0.0, next_due_ns_ - static_cast<double>(now));
                wait_ns = std::min(longest_wait_ns, static_cast<std::uint64_t>(left_ns));
            }
            if (options_.nap_us > 0) usleep(static_cast<useconds_t>(options_.nap_us));
            turn(wait_ns);
        }
    };
    load_until(after(start, options_.warmup_s));
    measuring_ = true;
    const Mark begin = mark();
    // From here on: a pause of this process in the warm-up takes nothing of what is measured.
    load_until(after(now_ns(), options_.duration_s));
    measuring_ = false;
    const Mark done = mark();
    drain();
    return report + report_load(begin, done) + "}";
}

// What was published has a while to arrive: what then is missing was lost.
void Load::drain() {
    const std::uint64_t give_up = after(now_ns(), options_.is_fanout() ? options_.drain_s : 0);
    while (outstanding_ > 0 && now_ns() < give_up) turn(longest_wait_ns);
}

void Load::connect_all() {
    rss_before_kb_ = server_.rss_kb();
    const double cpu_before = server_.cpu_seconds();
    const std::uint64_t start = now_ns();
    const std::uint64_t give_up = after(start, options_.connect_timeout_s);
    std::size_t next = 0;
    while (ready_ + dead_ < static_cast<int>(connections_.size()) && now_ns() < give_up) {
        while (next < connections_.size() && connecting_ < options_.ramp) {
            open(*connections_[next++]);
        }
        turn(100'000'000);
    }
    connect_seconds_ = static_cast<double>(now_ns() - start) / ns_per_s;
    connect_cpu_seconds_ = server_.cpu_seconds() - cpu_before;
    connected_ = ready_;
    const std::uint64_t settled = after(now_ns(), options_.settle_s);
    while (now_ns() < settled) turn(50'000'000);
    rss_connected_kb_ = server_.rss_kb();
}

void Load::publish_what_is_due(std::uint64_t now) {
    const auto batch = static_cast<std::uint32_t>(options_.batch);
    const auto publish = [&](std::uint64_t stamped_ns) {
        Connection& publisher = *publishers_[next_publisher_++ % publishers_.size()];
        append_frame(publisher.out,
                     protocol_->publish_batch({.sent_ns = stamped_ns, .sequence = published_}));
        published_ += batch;
        outstanding_ += batch;
    };
    if (options_.rate > 0) {
        // Stamped with the intended time, so that a late publisher hides no latency.
        while (next_due_ns_ <= static_cast<double>(now)) {
            publish(static_cast<std::uint64_t>(next_due_ns_));
            next_due_ns_ += ns_per_s / options_.rate;
        }
    } else {
        if (outstanding_ > 0 && now - last_progress_ns_ > one_second_ns) {
            const bool lost = !catch_up();
            now = now_ns();
            if (lost) {
                ++lost_windows_;
                outstanding_ = 0;
                std::fill(deliveries_.begin(), deliveries_.end(), 0);
                last_progress_ns_ = now;
            }
        }
        while (outstanding_ + batch <= static_cast<std::uint64_t>(options_.window)) publish(now);
    }
    for (Connection* publisher : publishers_) {
        if (!publisher->waits_to_write) flush(*publisher);
    }
}

// Reads what came while this process itself may have been paused, until a message is completed or
// there is no more. Whether one was.
bool Load::catch_up() {
    const std::uint64_t completed = completed_;
    std::uint64_t reads = 0;
    do {
        reads = reads_;
        turn(0);
    } while (completed_ == completed && reads_ != reads);
    return completed_ != completed;
}

// Each is stamped with the time at which it was due, so that a slow answer before it hides nothing.
void Load::request_what_is_due(std::uint64_t now) {
    while (next_due_ns_ <= static_cast<double>(now)) {
        Connection& connection = *connections_[next_connection_++ % connections_.size()];
        if (connection.state == Connection::State::ready) {
            send_request(connection, static_cast<std::uint64_t>(next_due_ns_));
            if (!connection.waits_to_write) flush(connection);
        }
        next_due_ns_ += ns_per_s / options_.rate;
    }
}

void Load::note_second() {
    print(timeline_, "%s[%llu,%.1f,%.1f,%ld]", timeline_.empty() ? "" : ",",
          static_cast<unsigned long long>(second_.count()), second_.quantile_us(.5) / 1e3,
          second_.max_us() / 1e3, server_.rss_kb());
    second_.clear();
    second_end_ns_ += one_second_ns;
}

void Load::on_message(Connection& connection, std::string_view message, std::uint64_t now) {
    if (connection.state == Connection::State::setup) {
        if (protocol_->setup(connection, message)) become_ready(connection);
        return;
    }
    if (protocol_->is_control(connection, message) || !running_) return;
    if (connection.publisher) {
        if (!protocol_->refuses(message)) return;
        ++wrong_;
        complain("not published: " + std::string(message.substr(0, 160)));
    } else if (connection.subscriber) {
        for_each_stamp(message, [&](std::string_view stamp) { on_delivery(stamp, now); });
    } else {
        on_answer(connection, message, now);
    }
}

void Load::on_delivery(std::string_view text, std::uint64_t now) {
    const Stamp stamp = Stamp::parse(text);
    const std::uint64_t latency = now > stamp.sent_ns ? now - stamp.sent_ns : 0;
    if (measuring_) {
        ++delivered_;
        latency_.add(latency);
    }
    if (options_.timeline) second_.add(latency);
    int& count = deliveries_[stamp.sequence % sequences];
    if (++count < live_subscribers_) return;
    count = 0;
    if (outstanding_ > 0) --outstanding_;
    ++completed_;
    last_progress_ns_ = now;
}

void Load::on_answer(Connection& connection, std::string_view message, std::uint64_t now) {
    on_answered(connection, protocol_->answers(message, wrong_), now);
}

void Load::on_answered(Connection& connection, int answers, std::uint64_t now) {
    for (int i = answers; i > 0 && !connection.sent_ns.empty(); --i) {
        const std::uint64_t latency = now - connection.sent_ns.front();
        connection.sent_ns.pop_front();
        if (measuring_) {
            ++answered_;
            latency_.add(latency);
        }
        if (options_.timeline) second_.add(latency);
        if (options_.rate == 0) send_request(connection, now);
    }
}

void Load::send_request(Connection& connection, std::uint64_t now) {
    if (options_.test == Test::ping) {
        append_frame(connection.out, "bench", Opcode::ping);
    } else {
        protocol_->append(connection.out, protocol_->request(connection, now));
    }
    connection.sent_ns.push_back(now);
}

Load::Mark Load::mark() const {
    return {.time_ns = now_ns(),
            .server_cpu_s = server_.cpu_seconds(),
            .own_cpu_s = own_cpu_seconds(),
            .cores = core_times(),
            .completed = completed_,
            .reads = reads_,
            .frames = frames_};
}

std::string Load::report_connect() const {
    std::string report;
    print(report, "\"label\":\"%s\",\"proto\":\"%s\",\"test\":\"%s\",\"n\":%d",
          options_.label.c_str(), options_.protocol.c_str(), options_.test_name.c_str(),
          options_.connections);
    print(report, ",\"connected\":%d,\"conn_s\":%.1f,\"conn_cpu\":%.0f", connected_,
          connected_ / connect_seconds_, 100 * connect_cpu_seconds_ / connect_seconds_);
    print(report, ",\"rss0_kb\":%ld,\"rss1_kb\":%ld,\"kb_per_conn\":%.2f", rss_before_kb_,
          rss_connected_kb_,
          static_cast<double>(rss_connected_kb_ - rss_before_kb_) / std::max(1, connected_));
    return report;
}

std::string Load::report_load(const Mark& begin, const Mark& end) const {
    const double seconds = static_cast<double>(end.time_ns - begin.time_ns) / ns_per_s;
    const auto per_second = [&](std::uint64_t count) {
        return static_cast<double>(count) / seconds;
    };
    std::string report;
    print(report, ",\"sec\":%.2f", seconds);
    if (options_.is_fanout()) {
        print(report, ",\"window\":%d,\"rate\":%.0f,\"pub_s\":%.1f,\"deliv_s\":%.0f",
              options_.window, options_.rate, per_second(end.completed - begin.completed),
              per_second(delivered_));
        print(report, ",\"live_subs\":%d,\"stalled\":%d,\"closed_live\":%d,\"closed_stalled\":%d",
              live_subscribers_, stalled_subscribers_, closed_live_, closed_stalled_);
        print(report, ",\"lost_windows\":%llu,\"published\":%u,\"completed\":%llu",
              static_cast<unsigned long long>(lost_windows_), published_,
              static_cast<unsigned long long>(completed_));
        print(report, ",\"undelivered\":%llu", static_cast<unsigned long long>(outstanding_));
    } else {
        print(report, ",\"msgs_s\":%.0f", per_second(answered_));
    }
    print(report, ",\"p50_us\":%.0f,\"p99_us\":%.0f,\"p999_us\":%.0f,\"max_us\":%.0f",
          latency_.quantile_us(.5), latency_.quantile_us(.99), latency_.quantile_us(.999),
          latency_.max_us());
    print(report, ",\"bad\":%llu,\"dead\":%d,\"srv_cpu\":%.1f,\"lg_cpu\":%.0f",
          static_cast<unsigned long long>(wrong_), dead_,
          100 * (end.server_cpu_s - begin.server_cpu_s) / seconds,
          100 * (end.own_cpu_s - begin.own_cpu_s) / seconds);
    print(report, ",\"frames_per_read\":%.2f",
          static_cast<double>(end.frames - begin.frames) /
              static_cast<double>(std::max<std::uint64_t>(1, end.reads - begin.reads)));
    for (std::size_t i = 0; i < std::min(begin.cores.size(), end.cores.size()); ++i) {
        const auto busy = end.cores[i].busy - begin.cores[i].busy;
        const auto total = end.cores[i].total - begin.cores[i].total;
        print(report, ",\"core%zu\":%.0f", i,
              100 * static_cast<double>(busy) /
                  static_cast<double>(std::max<std::uint64_t>(1, total)));
    }
    print(report, ",\"rss_end_kb\":%ld,\"srv_fds\":%ld", server_.rss_kb(), server_.open_files());
    if (options_.timeline) report += ",\"timeline\":[" + timeline_ + "]";
    return report;
}

}  // namespace jac::cloud::bench
