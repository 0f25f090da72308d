#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace jac::cloud {

enum class LogLevel { debug, info, warning, error };

std::string_view to_string(LogLevel level);

// One thing that happened. `event` is a short stable name ("slow_consumer"), the fields say the
// rest. Never put a token, a password or a body in one.
struct LogRecord {
    LogLevel level;
    std::string event;
    std::vector<std::pair<std::string, std::string>> fields;
};

// A bounded queue between the I/O threads and whoever writes the log. Thread-safe; write() never
// blocks for longer than the queue's lock.
class LogSink {
  public:
    explicit LogSink(std::size_t capacity = 4096) : capacity_(capacity) {}

    // Drops the record when the queue is full; the count of the dropped is told by the next
    // take().
    void write(LogLevel level, std::string event,
               std::vector<std::pair<std::string, std::string>> fields = {});

    // As write(), for what clients can bring about at will: one line of that event in `quiet_time`,
    // which has the number of those before it that were left out, as "unlogged".
    void write_rarely(LogLevel level, std::string event,
                      std::vector<std::pair<std::string, std::string>> fields,
                      std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());
    static constexpr std::chrono::seconds quiet_time{10};

    // The same where each is worth a line, as long as they are few: `most_a_second` of that event.
    void write_some(LogLevel level, std::string event,
                    std::vector<std::pair<std::string, std::string>> fields,
                    std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());
    static constexpr std::uint64_t most_a_second = 20;

    // Blocks until there are records; nullopt once closed and empty.
    std::optional<std::vector<LogRecord>> take();

    void close();

  private:
    struct Rare {
        std::chrono::steady_clock::time_point counted_until;
        std::uint64_t written = 0;
        std::uint64_t left_out = 0;
    };

    struct Rate {
        std::uint64_t most;
        std::chrono::seconds in;
    };

    void write_at_rate(Rate rate, LogLevel level, std::string event,
                       std::vector<std::pair<std::string, std::string>> fields,
                       std::chrono::steady_clock::time_point now);

    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<LogRecord> records_;
    std::size_t capacity_;
    std::uint64_t dropped_ = 0;
    std::unordered_map<std::string, Rare> rare_;  // by event
    bool closed_ = false;
};

}  // namespace jac::cloud
