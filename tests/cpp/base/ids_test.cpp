#include "base/ids.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace jac::cloud {
namespace {

TEST(NodeId, IsReadInEverySpelling) {
    const NodeId id{0xABCDEF01, 0x23456789ABCDEF01};
    for (const auto* text : {"n::abcdef0123456789abcdef01", "n::00000000abcdef0123456789abcdef01",
                             "abcdef0123456789abcdef01", "00000000abcdef0123456789abcdef01",
                             "n:Person:abcdef0123456789abcdef01", "n::ABCDEF0123456789ABCDEF01",
                             "n:root:00000000ABCDEF0123456789abcdef01"}) {
        EXPECT_EQ(parse_node_id(text), id) << text;
    }
}

TEST(NodeId, IsRefusedWhenItIsNone) {
    for (const auto* text : {"", "n", "n:", "n::", "n::1", "n::abcdef0123456789abcdef0",
                             "n::0000000000abcdef0123456789abcdef01", "n::abcdef0123456789abcdefg1",
                             "e::abcdef0123456789abcdef01", "n:a:b:abcdef0123456789abcdef01",
                             "N::abcdef0123456789abcdef01", " abcdef0123456789abcdef01",
                             "abcdef0123456789abcdef01 ", "n::-bcdef0123456789abcdef01",
                             "0xcdef0123456789abcdef01", "abcdef01-2345-6789-abcd-ef0123456789"}) {
        EXPECT_EQ(parse_node_id(text), std::nullopt) << text;
    }
}

TEST(NodeId, IsWrittenWithoutLeadingZerosButAtLeast24Digits) {
    EXPECT_EQ(format_node_id(public_root), "n::000000000000000000000001");
    EXPECT_EQ(format_node_id({0xFFFFFFFF, 0}), "n::ffffffff0000000000000000");
    EXPECT_EQ(format_node_id({0x100000000, 0}), "n::1000000000000000000000000");
    EXPECT_EQ(format_node_id({~0ULL, ~0ULL}), "n::" + std::string(32, 'f'));
    EXPECT_EQ(to_hex(public_root), "00000000000000000000000000000001");
    EXPECT_EQ(to_hex({0x0123456789ABCDEF, 0xFEDCBA9876543210}), "0123456789abcdeffedcba9876543210");
}

TEST(NodeId, SurvivesBeingWrittenAndReadAgainAtEveryLength) {
    for (int bit = 0; bit < 128; ++bit) {
        NodeId id;
        (bit < 64 ? id.low : id.high) = 1ULL << (bit % 64);
        EXPECT_EQ(parse_node_id(format_node_id(id)), id) << bit;
        EXPECT_EQ(parse_node_id(to_hex(id)), id) << bit;
    }
}

TEST(RandomId, IsTheTimeAnd32DigitsAndNeverTheSame) {
    std::set<std::string> seen;
    for (int i = 0; i < 2000; ++i) {
        const auto id = random_id(1700000000);
        EXPECT_TRUE(id.starts_with("1700000000:"));
        EXPECT_EQ(id.size(), 11U + 32U);
        EXPECT_EQ(id.find_first_not_of("0123456789abcdef", 11), std::string::npos);
        EXPECT_TRUE(seen.insert(id).second) << id;
    }
}

}  // namespace
}  // namespace jac::cloud
