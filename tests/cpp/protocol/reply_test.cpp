#include "protocol/reply.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace jac::cloud {
namespace {

using nlohmann::json;

TEST(Reply, ConnectionFrameHasTheThreeIds) {
    EXPECT_EQ(connection_reply("1700000000:ab", public_root, "lobby", ""),
              R"({"type":"connection","data":{"client_id":"1700000000:ab",)"
              R"("root_id":"n::000000000000000000000001","channel_id":"lobby"}})");
}

TEST(Reply, EchoesTheIdAsItWasWritten) {
    EXPECT_EQ(ack_reply("007"), R"({"type":"ack","id":007})");  // a scanner never lets this one in
    EXPECT_EQ(ack_reply("\"\\u0061\""), R"({"type":"ack","id":"\u0061"})");
    EXPECT_EQ(ack_reply("123456789012345678901234567890"),
              R"({"type":"ack","id":123456789012345678901234567890})");
    EXPECT_EQ(json::parse(connection_reply("c", public_root, "x", "7"))["id"], 7);
}

TEST(Reply, WalkerReplyHasNameStatusAndReports) {
    EXPECT_EQ(walker_reply("hello", {"[1,{\"a\":1.10}]"}, ""),
              R"({"type":"walker","walker":"hello","status":200,"reports":[1,{"a":1.10}]})");
    EXPECT_EQ(walker_reply("hello", {"[]"}, "\"q\""),
              R"({"type":"walker","walker":"hello","status":200,"reports":[],"id":"q"})");
}

TEST(Reply, WalkerReplyCarriesTheStatusAndBodyThatTheWalkerGave) {
    EXPECT_EQ(
        walker_reply("hello", {.reports = "[]", .status = 201, .body = R"({"a":1})"}, "1"),
        R"({"type":"walker","walker":"hello","status":201,"reports":[],"body":{"a":1},"id":1})");
}

TEST(Reply, NamesThatNeedEscapesAreEscaped) {
    const std::string odd = "quote\" slash\\ line\n tab\t nul\x01 caf\xC3\xA9 \xF0\x9F\x98\x80";
    EXPECT_EQ(json::parse(connection_reply("c", public_root, odd, ""))["data"]["channel_id"], odd);
    EXPECT_EQ(json::parse(walker_reply(odd, {"[]"}, ""))["walker"], odd);
}

TEST(Reply, EveryErrorHasTypeSentenceAndCode) {
    for (const auto& info : reply_errors) {
        const auto reply = json::parse(error_reply(info.error, "walker", "1", "hello"));
        EXPECT_EQ(reply["type"], "walker");
        EXPECT_EQ(reply["code"], info.code);
        EXPECT_EQ(reply["id"], 1);
        EXPECT_TRUE(reply["error"].is_string());
        EXPECT_EQ(reply.size(), 4U);
        EXPECT_EQ(reply_error_from_code(info.code), info.error);
        EXPECT_EQ(&reply_error_info(info.error), &info);
    }
    EXPECT_EQ(reply_error_from_code("no such code"), std::nullopt);
}

TEST(Reply, SaysTheSentencesOfTheProtocol) {
    EXPECT_EQ(error_reply(ReplyError::unknown_walker, "walker", "", "nope"),
              R"({"type":"walker","error":"Invalid request! Please use valid walker event!",)"
              R"("code":"unknown_walker"})");
    EXPECT_EQ(
        json::parse(error_reply(ReplyError::unauthenticated, "walker", "", "w{}\"x"))["error"],
        "Event w{}\"x requires to be authenticated!");
}

TEST(Reply, AnErrorCanBringAListAndARef) {
    EXPECT_EQ(error_reply_json(ReplyError::walker_failed, "walker", "2", "[]", "ref\"1"),
              R"({"type":"walker","error":[],"code":"walker_failed","ref":"ref\"1","id":2})");
}

TEST(Reply, AProblemIsToldWithItsDetailsOrItsSentence) {
    EventProblem problem;
    problem.error = ReplyError::invalid_json;
    EXPECT_EQ(error_reply(problem),
              R"({"type":"error","error":"The message is not valid JSON!","code":"invalid_json"})");
    problem = {ReplyError::invalid_event, "user", "5",
               R"([{"type":"missing","loc":["data"],"msg":"m"}])"};
    EXPECT_EQ(error_reply(problem),
              R"({"type":"user","error":[{"type":"missing","loc":["data"],"msg":"m"}],)"
              R"("code":"invalid_event","id":5})");
}

}  // namespace
}  // namespace jac::cloud
