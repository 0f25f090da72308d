#include "protocol/client_event.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace jac::cloud {
namespace {

using namespace std::string_literals;
using Names = std::vector<std::string_view>;

// One reader for all messages of a test, as a shard has one for all its sessions.
class ClientEventTest : public testing::Test {
  protected:
    const ClientEvent* read(std::string_view message) {
        text_ = message;
        return reader_.read(text_, true);
    }

    ReplyError error_of(std::string_view message) {
        EXPECT_EQ(read(message), nullptr) << message;
        return reader_.problem().error;
    }

    // The field that an event is refused for: "loc" of the first detail.
    std::string refused_field(std::string_view message) {
        EXPECT_EQ(error_of(message), ReplyError::invalid_event) << message;
        const auto details = nlohmann::json::parse(reader_.problem().details);
        EXPECT_EQ(details.size(), 1U);
        EXPECT_TRUE(details[0]["type"].is_string());
        EXPECT_TRUE(details[0]["msg"].is_string());
        const auto& loc = details[0]["loc"];
        return loc.empty() ? "" : loc[0].get<std::string>();
    }

    std::string kind_of_refusal(std::string_view message) {
        EXPECT_EQ(error_of(message), ReplyError::invalid_event) << message;
        return nlohmann::json::parse(reader_.problem().details)[0]["type"];
    }

    std::string text_;
    EventReader reader_{EventLimits{.max_json_depth = 64, .max_targets = 5}};
};

TEST_F(ClientEventTest, WalkerNeedsNothingButItsName) {
    const auto* event = read(R"({"type":"walker","walker":"hello"})");
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(event->type, EventType::walker);
    EXPECT_EQ(event->walker, "hello");
    EXPECT_EQ(event->context, "{}");
    EXPECT_FALSE(event->response);
    EXPECT_EQ(event->node, std::nullopt);
    EXPECT_EQ(event->id, "");
}

TEST_F(ClientEventTest, WalkerTakesContextResponseNodeAndId) {
    const auto* event = read(
        R"({"node":"n::1","id":7,"response":true,"context":{ "a":1.10 },"walker":"hello","type":"walker"})");
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(event->context, R"({ "a":1.10 })");
    EXPECT_TRUE(event->response);
    EXPECT_EQ(event->node, "n::1");
    EXPECT_EQ(event->id, "7");
    EXPECT_FALSE(read(R"({"type":"walker","walker":"w","response":false})")->response);
}

TEST_F(ClientEventTest, NothingOfOneEventIsLeftInTheNext) {
    ASSERT_TRUE(read(
        R"({"type":"walker","walker":"w","context":{"a":1},"response":true,"node":"n","id":1})"));
    ASSERT_TRUE(read(R"({"type":"user","root_ids":["a","b"],"data":{"x":1}})"));
    ASSERT_TRUE(read(R"({"type":"change_user","token":"t"})"));
    const auto* event = read(R"({"type":"walker","walker":"v"})");
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(event->context, "{}");
    EXPECT_FALSE(event->response);
    EXPECT_EQ(event->node, std::nullopt);
    EXPECT_EQ(event->id, "");
    EXPECT_TRUE(event->targets.empty());
    EXPECT_EQ(event->data, "");
    EXPECT_EQ(event->token, std::nullopt);
    EXPECT_EQ(refused_field(R"({"type":"user"})"), "root_ids");
    EXPECT_EQ(refused_field(R"({"type":"walker"})"), "walker");
}

TEST_F(ClientEventTest, WalkerFieldsMustHaveTheirTypes) {
    for (const std::string wrong : {"1", "null", "[]", "{}", "true"}) {
        EXPECT_EQ(refused_field(R"({"type":"walker","walker":)" + wrong + "}"), "walker");
    }
    for (const std::string wrong : {"1", "null", "[]", "\"{}\"", "true"}) {
        EXPECT_EQ(refused_field(R"({"type":"walker","walker":"w","context":)" + wrong + "}"),
                  "context");
    }
    for (const std::string wrong : {"1", "null", "[]", "{}", "\"true\""}) {
        EXPECT_EQ(refused_field(R"({"type":"walker","walker":"w","response":)" + wrong + "}"),
                  "response");
    }
    for (const std::string wrong : {"1", "[]", "{}", "true"}) {
        EXPECT_EQ(refused_field(R"({"type":"walker","walker":"w","node":)" + wrong + "}"), "node");
    }
    EXPECT_EQ(refused_field(R"({"type":"walker"})"), "walker");
    EXPECT_EQ(kind_of_refusal(R"({"type":"walker"})"), "missing");
}

TEST_F(ClientEventTest, ANullNodeIsNone) {
    EXPECT_EQ(read(R"({"type":"walker","walker":"w","node":null})")->node, std::nullopt);
}

struct Publishing {
    EventType type;
    std::string name;
    std::string list;
};

class PublishingEventTest : public ClientEventTest, public testing::WithParamInterface<Publishing> {
  protected:
    std::string event(std::string_view targets, std::string_view data = R"({"a":1})") const {
        return R"({"type":")" + GetParam().name + R"(",")" + GetParam().list +
               "\":" + std::string(targets) + R"(,"data":)" + std::string(data) + "}";
    }
};

TEST_P(PublishingEventTest, HasTargetsAndDataByteForByte) {
    const std::string data =
        R"({ "z":1.10,"big":1234567890123456789012345678901234567890,  "a":[ ] })";
    const auto* found = read(event(R"(["x", "y\u00e9","x"])", data));
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->type, GetParam().type);
    EXPECT_EQ(found->targets, (Names{"x", "y\xC3\xA9", "x"}));
    EXPECT_EQ(found->data, data);
}

TEST_P(PublishingEventTest, NeedsOneTargetAndTakesNoMoreThanTheLimit) {
    EXPECT_EQ(refused_field(event("[]")), GetParam().list);
    EXPECT_EQ(kind_of_refusal(event("[]")), "too_short");
    EXPECT_NE(read(event(R"(["a"])")), nullptr);
    EXPECT_NE(read(event(R"(["a","b","c","d","e"])")), nullptr);
    EXPECT_EQ(refused_field(event(R"(["a","b","c","d","e","f"])")), GetParam().list);
    EXPECT_EQ(kind_of_refusal(event(R"(["a","a","a","a","a","a"])")), "too_long");
}

TEST_P(PublishingEventTest, RefusesTargetsThatAreNoListOfStrings) {
    for (const std::string wrong :
         {"1", "null", "\"a\"", "{}", "[1]", "[\"a\",null]", "[[\"a\"]]", "[{}]"}) {
        EXPECT_EQ(refused_field(event(wrong)), GetParam().list) << wrong;
    }
}

TEST_P(PublishingEventTest, RefusesDataThatIsNoObject) {
    for (const std::string wrong : {"1", "null", "\"a\"", "[]", "true"}) {
        EXPECT_EQ(refused_field(event(R"(["a"])", wrong)), "data") << wrong;
    }
}

TEST_P(PublishingEventTest, NamesTheFieldThatIsMissing) {
    EXPECT_EQ(refused_field(R"({"type":")" + GetParam().name + R"(","data":{}})"), GetParam().list);
    EXPECT_EQ(refused_field(R"({"type":")" + GetParam().name + R"(",")" + GetParam().list +
                            R"(":["a"]})"),
              "data");
}

INSTANTIATE_TEST_SUITE_P(Kinds, PublishingEventTest,
                         testing::Values(Publishing{EventType::user, "user", "root_ids"},
                                         Publishing{EventType::channel, "channel", "channel_ids"},
                                         Publishing{EventType::client, "client", "client_ids"}),
                         [](const auto& kind) { return kind.param.name; });

TEST_F(ClientEventTest, ChangeUserTakesATokenWithOrWithoutTheWordBearer) {
    const auto token = [this](std::string_view json) {
        const auto* event = read(R"({"type":"change_user","token":)" + std::string(json) + "}");
        EXPECT_NE(event, nullptr) << json;
        return std::string(event->token.value_or("(none)"));
    };
    EXPECT_EQ(token(R"("abc.def")"), "abc.def");
    EXPECT_EQ(token(R"("Bearer abc.def")"), "abc.def");
    EXPECT_EQ(token(R"("bearer abc.def")"), "abc.def");
    EXPECT_EQ(token(R"("BEARER   abc.def")"), "abc.def");
    EXPECT_EQ(token(R"("Bearer ")"), "");
    EXPECT_EQ(token(R"("Bearer")"), "Bearer");
    EXPECT_EQ(token(R"("")"), "");
    EXPECT_EQ(token(R"("Basic abc")"), "Basic abc");
    EXPECT_EQ(token(R"("bearerX abc")"), "bearerX abc");
    EXPECT_EQ(token(R"("Bearer\u0020abc")"), "abc");
    EXPECT_EQ(token("null"), "(none)");
    EXPECT_EQ(read(R"({"type":"change_user"})")->token, std::nullopt);
    for (const std::string wrong : {"1", "true", "[]", "{}"}) {
        EXPECT_EQ(refused_field(R"({"type":"change_user","token":)" + wrong + "}"), "token");
    }
}

TEST_F(ClientEventTest, ConnectionNeedsNothing) {
    EXPECT_EQ(read(R"({"type":"connection"})")->type, EventType::connection);
    EXPECT_EQ(read(R"({"type":"connection","id":"x"})")->id, R"("x")");
}

TEST_F(ClientEventTest, UnknownFieldsAreIgnoredEvenTwice) {
    EXPECT_NE(read(R"({"type":"connection","other":1,"other":{"type":"walker"}})"), nullptr);
}

TEST_F(ClientEventTest, TypeMustBeOneOfTheSix) {
    for (const std::string wrong : {"1", "null", "[]", R"({"x":1})", "true", R"("nope")", R"("")",
                                    R"("Walker")", R"("ack")", R"("error")"}) {
        EXPECT_EQ(refused_field(R"({"type":)" + wrong + "}"), "type") << wrong;
        EXPECT_EQ(reader_.problem().type, "error");
    }
    EXPECT_EQ(refused_field("{}"), "type");
    EXPECT_EQ(kind_of_refusal("{}"), "missing");
}

TEST_F(ClientEventTest, TheMessageMustBeAnObject) {
    for (const std::string wrong :
         {"1", "null", "[]", R"("walker")", "true", R"([{"type":"connection"}])"}) {
        EXPECT_EQ(refused_field(wrong), "") << wrong;
        EXPECT_EQ(reader_.problem().type, "error");
    }
}

TEST_F(ClientEventTest, AProblemNamesTypeAndIdAsFarAsTheyCouldBeRead) {
    EXPECT_EQ(refused_field(R"({"walker":1,"id":"q\"1","type":"walker"})"), "walker");
    EXPECT_EQ(reader_.problem().type, "walker");
    EXPECT_EQ(reader_.problem().id, R"("q\"1")");
    EXPECT_EQ(refused_field(R"({"id":5})"), "type");
    EXPECT_EQ(reader_.problem().id, "5");
    EXPECT_EQ(error_of("{"), ReplyError::invalid_json);
    EXPECT_EQ(reader_.problem().type, "error");
    EXPECT_EQ(reader_.problem().id, "");
    EXPECT_EQ(reader_.problem().details, "");
}

TEST_F(ClientEventTest, IdsAreIntegersOrStringsOfAtMost128Bytes) {
    const auto with_id = [](std::string_view id) {
        return R"({"type":"connection","id":)" + std::string(id) + "}";
    };
    const auto quoted = [](const std::string& text) { return "\"" + text + "\""; };
    const std::string huge(128, '9');
    for (const std::string& id :
         {"0"s, "-1"s, "-0"s, "18446744073709551616"s, huge, R"("")"s,
          quoted(std::string(128, 'a')), R"("\u0061")"s, quoted("caf\xC3\xA9")}) {
        const auto* event = read(with_id(id));
        ASSERT_NE(event, nullptr) << id;
        EXPECT_EQ(event->id, id);
    }
    // What counts is the string, not how it is written.
    std::string escaped;
    for (int i = 0; i < 128; ++i) escaped += "\\u0061";
    EXPECT_NE(read(with_id(quoted(escaped))), nullptr);
    for (const std::string& id : {"1.0"s, "1e3"s, "1E3"s, "0.5"s, "null"s, "true"s, "[]"s, "{}"s,
                                  huge + "9", quoted(std::string(129, 'a')), quoted(escaped + "a"),
                                  quoted(std::string(127, 'a') + "\xC3\xA9")}) {
        EXPECT_EQ(refused_field(with_id(id)), "id") << id;
        EXPECT_EQ(reader_.problem().id, "");
        EXPECT_EQ(reader_.problem().type, "connection");
    }
}

TEST_F(ClientEventTest, NoFieldMayBeGivenTwice) {
    EXPECT_EQ(refused_field(R"({"type":"walker","walker":"a","type":"user"})"), "type");
    EXPECT_EQ(refused_field(R"({"type":"walker","walker":"a","walker":"a"})"), "walker");
    EXPECT_EQ(refused_field(R"({"type":"connection","id":1,"id":2})"), "id");
    EXPECT_EQ(refused_field(R"({"type":"channel","channel_ids":["a"],"data":{},"data":{}})"),
              "data");
    EXPECT_EQ(refused_field(R"({"type":"change_user","token":null,"token":"t"})"), "token");
    EXPECT_EQ(kind_of_refusal(R"({"type":"connection","node":"a","node":"b"})"), "duplicate");
    // Of another event's fields too: what one reader ignores another may not.
    EXPECT_EQ(refused_field(R"({"type":"connection","root_ids":1,"root_ids":2})"), "root_ids");
}

TEST_F(ClientEventTest, AnEscapedKeyIsTheSameKey) {
    EXPECT_EQ(read(R"({"\u0074ype":"walker","w\u0061lker":"a"})")->walker, "a");
    EXPECT_EQ(read(R"({"type":"\u0077alker","walker":"\u0061"})")->walker, "a");
    EXPECT_EQ(refused_field(R"({"type":"walker","walker":"a","w\u0061lker":"b"})"), "walker");
    EXPECT_EQ(refused_field(R"({"\u0074ype":"walker","walker":"a","type":"user"})"), "type");
    std::string escaped = "\"";
    for (const char letter : "channel_ids"s) {
        escaped += "\\u00" + std::string(1, "0123456789abcdef"[letter >> 4]) +
                   "0123456789ABCDEF"[letter & 15];
    }
    EXPECT_NE(read(R"({"type":"channel",)" + escaped + R"(":["a"],"data":{}})"), nullptr);
}

TEST_F(ClientEventTest, ManyOtherKeysDoNotHideADuplicate) {
    std::string message = R"({"type":"connection")";
    for (int i = 0; i < 20000; ++i) message += R"(,"\u0078":0)";
    EXPECT_NE(read(message + "}"), nullptr);
    EXPECT_EQ(refused_field(message + R"(,"ty\u0070e":"user"})"), "type");
}

TEST_F(ClientEventTest, WhatIsNotJsonIsSaidToBe) {
    for (const std::string& text :
         {""s, "nope"s, "{"s, R"({"type":"connection"}{})"s,
          "\xEF\xBB\xBF{\"type\":\"connection\"}"s, R"({'type':'connection'})"s,
          R"({"type":"walker","walker":"w","context":{"a":NaN}})"s, R"({"type":"connection",})"s,
          R"({"type":"connection","x":"\ud800"})"s}) {
        EXPECT_EQ(error_of(text), ReplyError::invalid_json) << text;
    }
    const auto deep = [](std::size_t levels) {
        return R"({"type":"connection","x":)" + std::string(levels, '[') +
               std::string(levels, ']') + "}";
    };
    EXPECT_NE(read(deep(63)), nullptr);
    EXPECT_EQ(error_of(deep(64)), ReplyError::invalid_json);
}

TEST_F(ClientEventTest, ABinaryMessageIsCheckedForUtf8) {
    EXPECT_NE(reader_.read("{\"type\":\"connection\",\"x\":\"caf\xC3\xA9\"}", false), nullptr);
    EXPECT_EQ(reader_.read("{\"type\":\"connection\",\"x\":\"\xFF\"}", false), nullptr);
    EXPECT_EQ(reader_.problem().error, ReplyError::invalid_json);
}

TEST_F(ClientEventTest, EveryTypeHasItsName) {
    EXPECT_EQ(to_string(EventType::walker), "walker");
    EXPECT_EQ(to_string(EventType::user), "user");
    EXPECT_EQ(to_string(EventType::channel), "channel");
    EXPECT_EQ(to_string(EventType::client), "client");
    EXPECT_EQ(to_string(EventType::change_user), "change_user");
    EXPECT_EQ(to_string(EventType::connection), "connection");
}

}  // namespace
}  // namespace jac::cloud
