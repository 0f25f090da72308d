#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/lane.hpp"
#include "base/log.hpp"
#include "base/worker_lane.hpp"

namespace jac::cloud {
namespace {

template <template <class> class Kind>
struct Of {
    template <class Job>
    using Lane = Kind<Job>;
};

template <class Kind>
class LaneTest : public testing::Test {};

using LaneKinds = testing::Types<Of<Lane>, Of<WorkerLane>>;
TYPED_TEST_SUITE(LaneTest, LaneKinds);

TYPED_TEST(LaneTest, GivesJobsInTheirOrder) {
    typename TypeParam::template Lane<std::unique_ptr<int>> lane;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(lane.push(std::make_unique<int>(i)));
    EXPECT_EQ(lane.size(), 3U);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(**lane.take(), i);
}

TYPED_TEST(LaneTest, GivesWhatIsLeftOnceItIsClosedAndTakesNothingMore) {
    typename TypeParam::template Lane<int> lane;
    EXPECT_TRUE(lane.push(1));
    lane.close();
    EXPECT_FALSE(lane.push(2));
    EXPECT_EQ(lane.take(), 1);
    EXPECT_EQ(lane.take(), std::nullopt);
    EXPECT_EQ(lane.take(), std::nullopt);
}

TYPED_TEST(LaneTest, GivesEveryJobOnceToThreadsThatWait) {
    typename TypeParam::template Lane<int> lane;
    std::vector<std::vector<int>> taken(4);
    std::vector<std::thread> threads;
    for (auto& mine : taken) {
        threads.emplace_back([&lane, &mine] {
            while (const auto job = lane.take()) mine.push_back(*job);
        });
    }
    constexpr int count = 4000;
    for (int i = 0; i < count; ++i) EXPECT_TRUE(lane.push(i));
    lane.close();
    for (auto& thread : threads) thread.join();
    std::vector<int> times(count, 0);
    for (const auto& mine : taken) {
        EXPECT_TRUE(std::ranges::is_sorted(mine));
        for (const int job : mine) ++times[static_cast<std::size_t>(job)];
    }
    EXPECT_EQ(times, std::vector<int>(count, 1));
}

TEST(LogSink, HandsOverRecordsInTheirOrder) {
    LogSink sink;
    sink.write(LogLevel::info, "first");
    sink.write(LogLevel::warning, "second", {{"field", "value"}});
    const auto records = sink.take();
    ASSERT_EQ(records->size(), 2U);
    EXPECT_EQ(records->at(0).event, "first");
    EXPECT_EQ(records->at(1).level, LogLevel::warning);
    EXPECT_EQ(records->at(1).fields.at(0).second, "value");
}

TEST(LogSink, DropsWhatDoesNotFitAndSaysHowMuch) {
    LogSink sink(2);
    for (int i = 0; i < 5; ++i) sink.write(LogLevel::info, "event");
    const auto records = sink.take();
    ASSERT_EQ(records->size(), 3U);
    EXPECT_EQ(records->back().event, "log_records_dropped");
    EXPECT_EQ(records->back().fields.at(0).second, "3");
    sink.write(LogLevel::info, "again");
    EXPECT_EQ(sink.take()->size(), 1U);
}

TEST(LogSink, WritesRarelyWhatClientsBringAboutAtWill) {
    LogSink sink;
    const auto now = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i) sink.write_rarely(LogLevel::info, "odd", {}, now);
    sink.write_rarely(LogLevel::info, "other", {}, now);
    sink.write_rarely(LogLevel::info, "odd", {}, now + LogSink::quiet_time);
    const auto records = *sink.take();
    ASSERT_EQ(records.size(), 3U);
    EXPECT_EQ(records[0].event, "odd");
    EXPECT_TRUE(records[0].fields.empty());
    EXPECT_EQ(records[1].event, "other");
    EXPECT_EQ(records[2].event, "odd");
    ASSERT_EQ(records[2].fields.size(), 1U);
    EXPECT_EQ(records[2].fields[0], (std::pair<std::string, std::string>("unlogged", "2")));
}

TEST(LogSink, WritesSomeEachSecondOfWhatIsWorthALine) {
    LogSink sink;
    const auto now = std::chrono::steady_clock::now();
    const auto next = now + std::chrono::seconds(1);
    const auto most = LogSink::most_a_second;
    for (std::uint64_t i = 0; i < most + 3; ++i) sink.write_some(LogLevel::info, "odd", {}, now);
    for (int i = 0; i < 2; ++i) sink.write_some(LogLevel::info, "odd", {}, next);
    const auto records = *sink.take();
    ASSERT_EQ(records.size(), most + 2);
    ASSERT_EQ(records[most].fields.size(), 1U);
    EXPECT_EQ(records[most].fields[0], (std::pair<std::string, std::string>("unlogged", "3")));
    EXPECT_TRUE(records[most + 1].fields.empty());
}

TEST(LogSink, EndsOnceItIsClosedAndEmpty) {
    LogSink sink;
    sink.write(LogLevel::error, "last");
    sink.close();
    sink.write(LogLevel::error, "too late");
    EXPECT_EQ(sink.take()->size(), 1U);
    EXPECT_EQ(sink.take(), std::nullopt);
}

TEST(LogSink, ReleasesAReaderThatWaits) {
    LogSink sink;
    bool ended = false;
    std::thread reader([&] {
        while (sink.take()) {
        }
        ended = true;
    });
    sink.write(LogLevel::info, "event");
    sink.close();
    reader.join();
    EXPECT_TRUE(ended);
}

TEST(LogLevel, HasANameEach) {
    EXPECT_EQ(to_string(LogLevel::debug), "debug");
    EXPECT_EQ(to_string(LogLevel::info), "info");
    EXPECT_EQ(to_string(LogLevel::warning), "warning");
    EXPECT_EQ(to_string(LogLevel::error), "error");
}

}  // namespace
}  // namespace jac::cloud
