#include "base/config.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "base/error.hpp"

namespace jac::cloud {
namespace {

// The field that a configuration is refused for, or "".
std::string refused(const std::function<void(Config&)>& change) {
    Config config;
    change(config);
    try {
        config.validate();
    } catch (const ConfigError& error) {
        EXPECT_TRUE(std::string(error.what()).starts_with(error.field() + ": ")) << error.what();
        return error.field();
    }
    return "";
}

TEST(Config, IsValidAsItComes) {
    EXPECT_NO_THROW(Config{}.validate());
}

TEST(Config, NamesTheFieldThatIsOutOfItsRange) {
    EXPECT_EQ(refused([](Config& c) { c.host = ""; }), "host");
    EXPECT_EQ(refused([](Config& c) { c.io_threads = 65; }), "io_threads");
    EXPECT_EQ(refused([](Config& c) { c.backlog = 0; }), "backlog");
    EXPECT_EQ(refused([](Config& c) { c.max_message_bytes = 124; }), "max_message_bytes");
    EXPECT_EQ(refused([](Config& c) { c.max_json_depth = 513; }), "max_json_depth");
    EXPECT_EQ(refused([](Config& c) { c.max_targets = 0; }), "max_targets");
    EXPECT_EQ(refused([](Config& c) { c.held_events = 0; }), "held_events");
    EXPECT_EQ(refused([](Config& c) { c.message_rate = -1; }), "message_rate");
    EXPECT_EQ(refused([](Config& c) { c.message_burst = 0; }), "message_burst");
    EXPECT_EQ(refused([](Config& c) { c.message_timeout = 0.001; }), "message_timeout");
    EXPECT_EQ(refused([](Config& c) { c.outbox_bytes = 4095; }), "outbox_bytes");
    EXPECT_EQ(refused([](Config& c) { c.ping_interval = 1e9; }), "ping_interval");
    EXPECT_EQ(refused([](Config& c) { c.pong_timeout = 0; }), "pong_timeout");
    EXPECT_EQ(refused([](Config& c) { c.handshake_timeout = 0; }), "handshake_timeout");
    EXPECT_EQ(refused([](Config& c) { c.max_header_bytes = 255; }), "max_header_bytes");
    EXPECT_EQ(refused([](Config& c) { c.idle_timeout = 0; }), "idle_timeout");
    EXPECT_EQ(refused([](Config& c) { c.body_timeout = 0; }), "body_timeout");
}

TEST(Config, TakesTheEndsOfItsRanges) {
    EXPECT_EQ(refused([](Config& c) { c.io_threads = 64; }), "");
    EXPECT_EQ(refused([](Config& c) { c.max_message_bytes = 125; }), "");
    EXPECT_EQ(refused([](Config& c) { c.max_json_depth = 2; }), "");
    EXPECT_EQ(refused([](Config& c) { c.outbox_bytes = 4096; }), "");
    EXPECT_EQ(refused([](Config& c) { c.ping_interval = 86400; }), "");
}

TEST(Config, TakesZeroWhereItMeansNone) {
    EXPECT_EQ(refused([](Config& c) {
                  c.port = 0;
                  c.io_threads = c.max_connections = c.max_connections_per_address = 0;
                  c.message_rate = c.message_timeout = c.ping_interval = 0;
              }),
              "");
}

TEST(Config, RefusesWhatIsNoNumber) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    constexpr double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(refused([](Config& c) { c.message_rate = nan; }), "message_rate");
    EXPECT_EQ(refused([](Config& c) { c.ping_interval = infinity; }), "ping_interval");
}

TEST(Config, SaysTheRangeWithItsUnit) {
    Config config;
    config.outbox_bytes = 12;
    try {
        config.validate();
        FAIL() << "12 bytes were taken";
    } catch (const ConfigError& error) {
        EXPECT_STREQ(error.what(), "outbox_bytes: 12 is not allowed, 4096 to 1073741824 bytes");
    }
}

TEST(Config, ResolvesWhatIsLeftToTheMachine) {
    Config config;
    EXPECT_GE(config.resolved_io_threads(), 1U);
    EXPECT_LE(config.resolved_io_threads(), 8U);
    EXPECT_GE(config.resolved_max_connections(), 1U);
    config.io_threads = 3;
    config.max_connections = 7;
    EXPECT_EQ(config.resolved_io_threads(), 3U);
    EXPECT_EQ(config.resolved_max_connections(), 7U);
}

TEST(Config, SecondsMayBeFractions) {
    EXPECT_EQ(to_duration(1.5), std::chrono::milliseconds(1500));
    EXPECT_EQ(to_duration(86400), std::chrono::hours(24));
}

}  // namespace
}  // namespace jac::cloud
