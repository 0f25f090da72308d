#include "base/log.hpp"

#include <iterator>

namespace jac::cloud {

std::string_view to_string(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
    }
    return "error";
}

void LogSink::write(LogLevel level, std::string event,
                    std::vector<std::pair<std::string, std::string>> fields) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        if (records_.size() >= capacity_) {
            ++dropped_;
            return;
        }
        records_.push_back({level, std::move(event), std::move(fields)});
    }
    ready_.notify_one();
}

void LogSink::write_rarely(LogLevel level, std::string event,
                           std::vector<std::pair<std::string, std::string>> fields,
                           std::chrono::steady_clock::time_point now) {
    write_at_rate({1, quiet_time}, level, std::move(event), std::move(fields), now);
}

void LogSink::write_some(LogLevel level, std::string event,
                         std::vector<std::pair<std::string, std::string>> fields,
                         std::chrono::steady_clock::time_point now) {
    write_at_rate({most_a_second, std::chrono::seconds(1)}, level, std::move(event),
                  std::move(fields), now);
}

void LogSink::write_at_rate(Rate rate, LogLevel level, std::string event,
                            std::vector<std::pair<std::string, std::string>> fields,
                            std::chrono::steady_clock::time_point now) {
    {
        const std::lock_guard lock(mutex_);
        auto& rare = rare_[event];
        if (now >= rare.counted_until) {
            rare.counted_until = now + rate.in;
            rare.written = 0;
        }
        if (rare.written == rate.most) {
            ++rare.left_out;
            return;
        }
        ++rare.written;
        if (rare.left_out != 0) fields.emplace_back("unlogged", std::to_string(rare.left_out));
        rare.left_out = 0;
    }
    write(level, std::move(event), std::move(fields));
}

std::optional<std::vector<LogRecord>> LogSink::take() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return closed_ || !records_.empty(); });
    if (records_.empty() && dropped_ == 0) return std::nullopt;
    std::vector<LogRecord> taken(std::make_move_iterator(records_.begin()),
                                 std::make_move_iterator(records_.end()));
    records_.clear();
    if (dropped_ != 0) {
        taken.push_back(
            {LogLevel::warning, "log_records_dropped", {{"count", std::to_string(dropped_)}}});
        dropped_ = 0;
    }
    return taken;
}

void LogSink::close() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    ready_.notify_all();
}

}  // namespace jac::cloud
