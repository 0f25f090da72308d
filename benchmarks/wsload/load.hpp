#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connection.hpp"
#include "histogram.hpp"
#include "options.hpp"
#include "process_stats.hpp"
#include "protocol.hpp"

namespace jac::cloud::bench {

// One run: connects, loads the server for the given time, and tells what it measured.
class Load {
  public:
    // Throws std::invalid_argument for a protocol that is not known.
    explicit Load(const Options& options);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    // The result as one line of JSON. Throws std::system_error when the system refuses a socket.
    std::string run();
    bool all_connected() const { return connected_ == static_cast<int>(connections_.size()); }

  private:
    struct Mark;  // counters at the start or the end of the measured time

    void connect_all();
    void publish_what_is_due(std::uint64_t now);
    bool catch_up();
    void request_what_is_due(std::uint64_t now);
    void note_second();
    void drain();
    Mark mark() const;
    std::string report_connect() const;
    std::string report_load(const Mark& begin, const Mark& end) const;

    void open(Connection& connection);
    void become_ready(Connection& connection);
    void end(Connection& connection);
    void watch(Connection& connection);
    void flush(Connection& connection);
    void send_request(Connection& connection, std::uint64_t now);

    void turn(std::uint64_t timeout_ns);
    void on_event(Connection& connection, std::uint32_t events);
    void on_connected(Connection& connection);
    void on_readable(Connection& connection);
    std::size_t consume(Connection& connection, std::string_view bytes, std::uint64_t now);
    std::size_t consume_handshake(Connection& connection, std::string_view bytes);
    void on_message(Connection& connection, std::string_view message, std::uint64_t now);
    void on_delivery(std::string_view stamp, std::uint64_t now);
    void on_answer(Connection& connection, std::string_view message, std::uint64_t now);
    void on_answered(Connection& connection, int answers, std::uint64_t now);
    void complain(const std::string& what);

    const Options options_;
    const std::unique_ptr<Protocol> protocol_;
    const ServerStats server_;
    int epoll_ = -1;
    std::vector<std::unique_ptr<Connection>> connections_;
    std::vector<Connection*> publishers_;
    std::size_t next_publisher_ = 0;
    std::vector<char> scratch_;  // what one recv() may bring
    int complaints_ = 0;
    int opened_ = 0;

    int ready_ = 0;
    int dead_ = 0;
    int connecting_ = 0;

    double connect_seconds_ = 0;
    double connect_cpu_seconds_ = 0;
    int connected_ = 0;
    long rss_before_kb_ = 0;
    long rss_connected_kb_ = 0;

    bool running_ = false;
    bool measuring_ = false;
    Histogram latency_;
    std::uint64_t answered_ = 0;   // while measuring
    std::uint64_t delivered_ = 0;  // while measuring
    std::uint64_t wrong_ = 0;
    std::uint64_t frames_ = 0;
    std::uint64_t reads_ = 0;

    // Fan-out. deliveries_ counts, for each message by the low bits of its number, who has it.
    int live_subscribers_ = 0;
    int stalled_subscribers_ = 0;
    int closed_live_ = 0;
    int closed_stalled_ = 0;
    std::vector<int> deliveries_;
    std::uint32_t published_ = 0;
    std::uint64_t outstanding_ = 0;
    std::uint64_t completed_ = 0;
    std::uint64_t lost_windows_ = 0;
    std::uint64_t last_progress_ns_ = 0;

    double next_due_ns_ = 0;  // with --rate
    std::size_t next_connection_ = 0;

    Histogram second_;  // the current second of the timeline
    std::uint64_t second_end_ns_ = 0;
    std::string timeline_;
};

}  // namespace jac::cloud::bench
