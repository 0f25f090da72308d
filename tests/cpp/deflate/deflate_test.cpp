#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "deflate/deflater.hpp"
#include "deflate/inflater.hpp"
#include "seeded_random.hpp"

namespace jac::cloud {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::string noise(std::size_t size) {
    SeededRandom random(7);
    std::string text(size, '\0');
    for (auto& byte : text) byte = static_cast<char>(random());
    return text;
}

// Words in random order: compresses, and reaches back beyond a small window.
std::string prose(std::size_t size) {
    SeededRandom random(7);
    std::string text;
    while (text.size() < size) text += "word" + std::to_string(random() % 500) + " ";
    text.resize(size);
    return text;
}

TEST(Deflate, MessagesOfEveryKindAndSizeComeBackThroughEveryWindow) {
    Deflater deflater;
    Inflater inflater;
    for (int window = min_window_bits; window <= max_window_bits; ++window) {
        for (const std::size_t size : {100U, 511U, 512U, 513U, 32'768U, 70'000U, 300'000U}) {
            for (const auto& message : {std::string(size, 'x'), prose(size)}) {
                const auto payload = deflater.compress(message, window);
                ASSERT_TRUE(payload) << size;
                EXPECT_LT(payload->size(), message.size());
                const auto [outcome, back] = inflater.inflate(*payload, mebibyte);
                ASSERT_EQ(outcome, Inflation::whole) << window << " " << size;
                EXPECT_EQ(back, message);
            }
        }
    }
}

TEST(Deflate, AMessageIsReadWithoutThoseBefore) {
    Deflater deflater;
    const auto message = prose(5000);
    const std::string first(*deflater.compress(message, max_window_bits));
    EXPECT_EQ(*deflater.compress(message, max_window_bits), first);
    EXPECT_EQ(Inflater().inflate(first, mebibyte).message, message);
}

TEST(Deflate, WhatWouldNotGetShorterIsLeftAsItIs) {
    Deflater deflater;
    for (const std::size_t size : {1U, 2U, 100U, 40'000U}) {
        EXPECT_FALSE(deflater.compress(noise(size), max_window_bits)) << size;
    }
    EXPECT_TRUE(deflater.compress(prose(1000), max_window_bits)) << "and the next is not harmed";
}

// The examples of RFC 7692 section 7.2.3.
TEST(Inflate, ReadsTheExamplesOfTheRfc) {
    using namespace std::string_view_literals;
    Inflater inflater;
    for (const auto payload : {
             "\xf2\x48\xcd\xc9\xc9\x07\x00"sv,                          // one fixed block
             "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"sv,          // stored
             "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"sv,                      // marked as the last block
             "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"sv,  // two blocks
         }) {
        const auto [outcome, message] = inflater.inflate(payload, 5);
        EXPECT_EQ(outcome, Inflation::whole);
        EXPECT_EQ(message, "Hello");
    }
    EXPECT_EQ(inflater.inflate("\x00"sv, 5).outcome, Inflation::whole) << "an empty message";
}

TEST(Inflate, StopsOneByteBeyondTheLimit) {
    Deflater deflater;
    Inflater inflater;
    for (const std::size_t size : {1000U, 16'384U, 16'385U, 100'000U}) {
        const std::string payload(*deflater.compress(std::string(size, 'x'), max_window_bits));
        EXPECT_EQ(inflater.inflate(payload, size).message.size(), size);
        EXPECT_EQ(inflater.inflate(payload, size + 1).outcome, Inflation::whole);
        EXPECT_EQ(inflater.inflate(payload, size - 1).outcome, Inflation::too_big);
        EXPECT_EQ(inflater.inflate(payload, 125).outcome, Inflation::too_big);
    }
}

TEST(Inflate, RefusesWhatIsCutShort) {
    Deflater deflater;
    Inflater inflater;
    const auto message = prose(2000);
    const std::string payload(*deflater.compress(message, max_window_bits));
    for (std::size_t size = 0; size < payload.size(); ++size) {
        const auto [outcome, text] = inflater.inflate(payload.substr(0, size), mebibyte);
        // A cut may lie between two blocks; it never gives more than the message's beginning.
        EXPECT_TRUE(outcome == Inflation::corrupt || message.starts_with(text)) << size;
        EXPECT_TRUE(size + 1 == payload.size() || text != message) << size;
    }
    EXPECT_EQ(inflater.inflate(payload, mebibyte).message, message);
}

TEST(Inflate, SurvivesNoiseAndTurnedBits) {
    Deflater deflater;
    Inflater inflater;
    SeededRandom random(7);
    const std::string payload(*deflater.compress(prose(3000), max_window_bits));
    int corrupt = 0;
    for (int i = 0; i < 3000; ++i) {
        auto bytes = i % 2 == 0 ? noise(random() % 300) : payload;
        for (int j = 0; j < 3 && !bytes.empty(); ++j) {
            auto& byte = bytes[random() % bytes.size()];
            byte = static_cast<char>(static_cast<unsigned char>(byte) ^ 1U << random() % 8);
        }
        // In memory of its own, so that a sanitizer sees a step past its end.
        const std::vector<char> copy(bytes.begin(), bytes.end());
        const auto [outcome, text] = inflater.inflate({copy.data(), copy.size()}, 10'000);
        EXPECT_LE(text.size(), 10'000U);
        corrupt += outcome == Inflation::corrupt ? 1 : 0;
    }
    EXPECT_GT(corrupt, 1000);
}

}  // namespace
}  // namespace jac::cloud
