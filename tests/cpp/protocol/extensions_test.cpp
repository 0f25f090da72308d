#include "protocol/extensions.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace jac::cloud {
namespace {

constexpr std::string_view plain_response =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

// The response to the fields of a request; "" for none.
std::string answer(const std::vector<std::string_view>& offers) {
    const auto agreement = agree_on_deflate(offers);
    return agreement ? agreement->response() : "";
}

TEST(Extensions, OffersOfBrowsersAreAcceptedWithoutContextTakeover) {
    for (const std::string_view offer : {
             "permessage-deflate",
             "permessage-deflate; client_max_window_bits",
             "permessage-deflate; client_max_window_bits=10",
             "permessage-deflate; client_max_window_bits=\"8\"",
             "Permessage-Deflate;client_no_context_takeover;server_no_context_takeover",
             "\t permessage-deflate ; client_no_context_takeover \t",
             ", ,permessage-deflate,",
         }) {
        EXPECT_EQ(answer({offer}), plain_response) << offer;
        EXPECT_EQ(agree_on_deflate(std::vector{offer})->window_bits, 15);
    }
}

TEST(Extensions, AWindowThatTheClientAsksForIsKeptTo) {
    for (int bits = 9; bits <= 15; ++bits) {
        const auto offer = "permessage-deflate; server_max_window_bits=" + std::to_string(bits);
        const auto agreement = agree_on_deflate(std::vector<std::string_view>{offer});
        ASSERT_TRUE(agreement);
        EXPECT_EQ(agreement->window_bits, bits);
        EXPECT_EQ(agreement->response(),
                  std::string(plain_response) + "; server_max_window_bits=" + std::to_string(bits));
    }
}

TEST(Extensions, TheFirstOfferThatCanBeKeptToWins) {
    EXPECT_EQ(answer({"x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=8, "
                      "permessage-deflate; server_max_window_bits=10, permessage-deflate"}),
              std::string(plain_response) + "; server_max_window_bits=10");
    EXPECT_EQ(answer({"permessage-bzip2; level=9", "permessage-deflate"}), plain_response);
    EXPECT_EQ(answer({"", "permessage-deflate"}), plain_response);
}

TEST(Extensions, OffersThatCannotBeKeptToAreDeclined) {
    for (const std::string_view parameter : {
             "server_max_window_bits",
             "server_max_window_bits=8",
             "server_max_window_bits=7",
             "server_max_window_bits=16",
             "server_max_window_bits=99",
             "server_max_window_bits=99999999999999999999",
             "server_max_window_bits=010",
             "server_max_window_bits=+10",
             "server_max_window_bits=-10",
             "server_max_window_bits=10x",
             "server_max_window_bits=\"\"",
             "server_max_window_bits=",
             "server_max_window_bits=10; server_max_window_bits=10",
             "client_max_window_bits=7",
             "client_max_window_bits=zehn",
             "client_no_context_takeover=true",
             "server_no_context_takeover; server_no_context_takeover",
             "__proto__",
             "SERVER_NO_CONTEXT_TAKEOVER",
         }) {
        EXPECT_EQ(answer({"permessage-deflate; " + std::string(parameter)}), "") << parameter;
    }
}

TEST(Extensions, WhatCannotBeReadIsNoOffer) {
    for (const std::string_view value : {
             "__proto__",
             ";",
             "=",
             "permessage-deflate;",
             "permessage-deflate; =10",
             "permessage-deflate; client_max_window_bits=\"10",
             "permessage-deflate client_max_window_bits",
             "permessage-deflate\x01",
             "permessage-deflat\xC3\xA9",
             "deflate-frame",
         }) {
        EXPECT_EQ(answer({value}), "") << value;
    }
    EXPECT_EQ(answer({}), "");
}

TEST(Extensions, HundredsOfOffersAreReadInOrder) {
    std::string many;
    for (int i = 0; i < 200; ++i) many += "extension-" + std::to_string(i) + "; a=1; b=\"2\", ";
    EXPECT_EQ(answer({many}), "");
    EXPECT_EQ(answer({many + "permessage-deflate"}), plain_response);
}

}  // namespace
}  // namespace jac::cloud
