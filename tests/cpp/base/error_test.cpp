#include "base/error.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/close_code.hpp"

namespace jac::cloud {
namespace {

TEST(ListenError, NamesTheAddressAndTheReason) {
    const ListenError error(Errc::address_in_use, "127.0.0.1:8000");
    EXPECT_STREQ(error.what(), "127.0.0.1:8000: the address is already in use");
    EXPECT_EQ(error.code(), Errc::address_in_use);
}

TEST(CloudCategory, HasAMessageForEveryCode) {
    for (int value = static_cast<int>(Errc::address_in_use);
         value <= static_cast<int>(Errc::forked_child); ++value) {
        EXPECT_NE(cloud_category().message(value), "unknown error") << value;
    }
    EXPECT_EQ(cloud_category().message(0), "unknown error");
}

TEST(CloseCode, HasItsReasonInTheTable) {
    EXPECT_EQ(close_reason(CloseCode::going_away), "server draining");
    EXPECT_EQ(close_reason(CloseCode::slow_consumer), "slow consumer");
    EXPECT_EQ(close_reason(static_cast<CloseCode>(4000)), "");
}

}  // namespace
}  // namespace jac::cloud
