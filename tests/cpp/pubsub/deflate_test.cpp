// Messages that sessions are sent compressed.
#include <gtest/gtest.h>

#include <string>

#include "deflate/deflater.hpp"
#include "frames.hpp"
#include "pubsub/collecting_session.hpp"
#include "seeded_random.hpp"

namespace jac::cloud {
namespace {

class DeflateTest : public SessionTest {
  protected:
    // The frames that a session was sent; those of a compressing one are inflated.
    static std::vector<ServerFrame> frames(CollectingSession& session) {
        return read_server_frames(session.take_sent(), session.deflate_window() != 0);
    }

    CollectingSession& open_deflating(std::string channel, int window = max_window_bits) {
        return open(std::move(channel), {}, window);
    }

    std::string publish(std::string_view channel, std::string_view data) {
        return text_frame(R"({"type":"channel","channel_ids":[")" + std::string(channel) +
                          R"("],"data":)" + std::string(data) + "}");
    }

    const std::string long_data_ = R"({"text":")" + std::string(5000, 'x') + R"("})";
};

TEST_F(DeflateTest, ALongMessageIsCompressedForThoseWhoCanReadThat) {
    auto& plain = open("lobby");
    auto& deflating = open_deflating("lobby");
    receive(plain, publish("lobby", long_data_));
    EXPECT_EQ(frames(plain), (std::vector{ServerFrame{Opcode::text, long_data_, false}}));
    EXPECT_EQ(frames(deflating), (std::vector{ServerFrame{Opcode::text, long_data_, true}}));
}

TEST_F(DeflateTest, AMessageFromOutsideIsCompressedToo) {
    auto& deflating = open_deflating("lobby");
    const std::vector<std::string_view> lobby{"lobby"};
    hub_.publish(Targets(TargetKind::channel, lobby), std::make_shared<Message>(long_data_));
    hub_.send(deflating, std::make_shared<Message>(long_data_));
    hub_.flush();
    const ServerFrame expected{Opcode::text, long_data_, true};
    EXPECT_EQ(frames(deflating), (std::vector{expected, expected}));
}

TEST_F(DeflateTest, AllWithOneWindowShareOneCompressedFrame) {
    auto& sender = open_deflating("lobby");
    std::vector<CollectingSession*> others;
    for (int i = 0; i < 50; ++i) others.push_back(&open_deflating("lobby"));
    auto event = publish("lobby", long_data_);
    sender.receive(event);
    EXPECT_LT(hub_.gathered(), 200U) << "the message was compressed, once";
    hub_.flush();
    for (auto* other : others) EXPECT_EQ(frames(*other).at(0).payload, long_data_);
}

TEST_F(DeflateTest, EachWindowGetsAFrameThatItCanRead) {
    std::vector<CollectingSession*> sessions;
    for (int window = min_window_bits; window <= max_window_bits; ++window) {
        sessions.push_back(&open_deflating("lobby", window));
    }
    receive(*sessions.front(), publish("lobby", long_data_));
    for (auto* session : sessions) {
        EXPECT_EQ(frames(*session), (std::vector{ServerFrame{Opcode::text, long_data_, true}}));
    }
}

TEST_F(DeflateTest, PongsArePlainWhereEvenShortMessagesAreCompressed) {
    auto& deflating = open_deflating("lobby");
    Hub compressing_all(1, broker_.directory(), 1);
    const std::string payload(100, 'x');
    compressing_all.send(deflating, Opcode::pong, payload);
    compressing_all.flush();
    EXPECT_EQ(frames(deflating), (std::vector{ServerFrame{Opcode::pong, payload, false}}));
}

TEST_F(DeflateTest, ShortMessagesAndThoseThatDoNotCompressAreSentPlain) {
    auto& deflating = open_deflating("lobby");
    SeededRandom random(1);
    std::string noise(2000, ' ');
    for (auto& letter : noise) letter = static_cast<char>(random());
    hub_.send(deflating, Opcode::text, std::string(1023, 'x'));
    hub_.send(deflating, Opcode::text, std::string(1024, 'x'));
    hub_.send(deflating, Opcode::text, noise);
    hub_.flush();
    const auto sent = frames(deflating);
    EXPECT_FALSE(sent.at(0).deflated);
    EXPECT_TRUE(sent.at(1).deflated);
    EXPECT_EQ(sent.at(1).payload, std::string(1024, 'x'));
    EXPECT_EQ(sent.at(2), (ServerFrame{Opcode::text, noise, false}));
}

TEST_F(DeflateTest, ControlFramesAreNeverCompressed) {
    auto& deflating = open_deflating("lobby");
    receive(deflating, ClientFrame{.opcode = 9, .payload = std::string(125, 'x')}.bytes());
    EXPECT_EQ(frames(deflating),
              (std::vector{ServerFrame{Opcode::pong, std::string(125, 'x'), false}}));
    deflating.close(CloseCode::going_away);
    hub_.flush();
    EXPECT_EQ(frames(deflating).at(0).opcode, Opcode::close);
}

TEST_F(DeflateTest, ACompressedEventTakesEffectAsItsText) {
    auto& deflating = open_deflating("lobby");
    Deflater deflater;
    const std::string event =
        R"({"type":"channel","channel_ids":["lobby"],"data":)" + long_data_ + "}";
    const std::string payload(deflater.compress(event, max_window_bits).value());
    receive(deflating, ClientFrame{.payload = payload, .reserved = 4}.bytes());
    EXPECT_EQ(frames(deflating).at(0).payload, long_data_);
}

TEST_F(DeflateTest, AnEventThatInflatesBeyondTheLimitCloses) {
    auto& deflating = open_deflating("lobby");
    Deflater deflater;
    const std::string zeros(config_.max_message_bytes + 1, '0');
    const std::string payload(deflater.compress(zeros, max_window_bits).value());
    receive(deflating, ClientFrame{.payload = payload, .reserved = 4}.bytes());
    EXPECT_EQ(close_code(deflating), 1009U);
}

TEST_F(DeflateTest, ACompressedEventFromWhoDidNotAgreeCloses) {
    auto& plain = open("lobby");
    Deflater deflater;
    const std::string payload(deflater.compress(std::string(5000, ' '), max_window_bits).value());
    receive(plain, ClientFrame{.payload = payload, .reserved = 4}.bytes());
    EXPECT_EQ(close_code(plain), 1002U);
}

}  // namespace
}  // namespace jac::cloud
