#include "base/counters.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace jac::cloud {
namespace {

using Counts = std::vector<std::uint64_t>;

TEST(Counter, GoesUpAndDown) {
    Counter counter;
    counter.add();
    counter.add(5);
    counter.subtract(2);
    EXPECT_EQ(counter.value(), 4U);
}

TEST(SharedCounter, LosesNothingOfManyThreads) {
    SharedCounter counter;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 10'000; ++n) counter.add();
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(counter.value(), 40'000U);
}

TEST(Histogram, CountsAFigureUnderTheFirstBoundThatIsNotLess) {
    Histogram histogram({1, 2, 5});
    for (const double figure : {0.0, 1.0, 1.5, 2.0, 5.0, 5.5, 1e9}) histogram.observe(figure);
    EXPECT_EQ(histogram.counts(), (Counts{2, 2, 1, 2}));
    EXPECT_DOUBLE_EQ(histogram.sum(), 0.0 + 1.0 + 1.5 + 2.0 + 5.0 + 5.5 + 1e9);
}

TEST(Histogram, LosesNothingOfManyThreads) {
    Histogram histogram({0.5});
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 10'000; ++n) histogram.observe(n % 2);
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(histogram.counts(), (Counts{20'000, 20'000}));
    EXPECT_DOUBLE_EQ(histogram.sum(), 20'000.0);
}

TEST(EventCounters, KeepTypesAndResultsApart) {
    EventCounters events;
    events.add(0);
    events.add(0, ReplyError::conflict);
    events.add(EventCounters::unread, ReplyError::invalid_json);
    EXPECT_EQ(events.value(0, std::nullopt), 1U);
    EXPECT_EQ(events.value(0, ReplyError::conflict), 1U);
    EXPECT_EQ(events.value(0, ReplyError::invalid_json), 0U);
    EXPECT_EQ(events.value(EventCounters::unread, ReplyError::invalid_json), 1U);
    EXPECT_EQ(events.value(1, std::nullopt), 0U);
}

TEST(HttpCounters, CountByStatusAndLeaveOutWhatIsNone) {
    HttpCounters answers;
    for (const unsigned status : {200U, 404U, 404U, 99U, 600U, 0U}) answers.add(status);
    EXPECT_EQ(answers.value(200), 1U);
    EXPECT_EQ(answers.value(404), 2U);
    EXPECT_EQ(answers.value(HttpCounters::lowest), 0U);
    EXPECT_EQ(answers.value(HttpCounters::highest), 0U);
}

}  // namespace
}  // namespace jac::cloud
