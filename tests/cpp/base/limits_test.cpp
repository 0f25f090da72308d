#include "base/limits.hpp"

#include <gtest/gtest.h>

namespace jac::cloud {
namespace {

TEST(Limits, AreNamedInTheOrderOfTheirNumbers) {
    for (std::size_t i = 0; i < known_limits.size(); ++i) {
        EXPECT_EQ(static_cast<std::size_t>(known_limits[i].limit), i);
        EXPECT_EQ(limit_from_setting(known_limits[i].setting), known_limits[i].limit);
    }
    EXPECT_EQ(limit_from_setting("port"), std::nullopt);
}

TEST(Limits, AreCountedEachTimeAndToldOnceInAWhile) {
    LogSink log;
    Limits watched(log);
    for (int i = 0; i < 1000; ++i) watched.reached(Limit::message_rate, "client_id", "one");
    watched.reached(Limit::outbox_bytes, "client_id", "two");
    EXPECT_EQ(watched.count(Limit::message_rate), 1000U);
    const auto records = log.take();
    ASSERT_TRUE(records);
    ASSERT_EQ(records->size(), 2U);
    const decltype(LogRecord::fields) first{
        {"setting", "message_rate"}, {"times", "1"}, {"client_id", "one"}};
    EXPECT_EQ(records->front().event, "limit_reached");
    EXPECT_EQ(records->front().fields, first);
}

}  // namespace
}  // namespace jac::cloud
