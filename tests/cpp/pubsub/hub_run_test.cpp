#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hub_fixture.hpp"

namespace jac::cloud {
namespace {

TEST_F(HubTest, ShowsAChannelNothingOfWhatWasWrittenForSomebodyElseInBetween) {
    const auto member = join("red");
    const auto other = join("blue");
    hub_.publish(channels({"red"}), "1");
    hub_.send(*other, Opcode::text, "x");
    hub_.publish(channels({"red"}), "2");
    hub_.flush();
    EXPECT_EQ(member->received, (Texts{"1", "2"}));
    EXPECT_EQ(other->received, Texts{"x"});
    hub_.leave(*member);
    hub_.leave(*other);
}

TEST_F(HubTest, WritesFromTheArenaToWhomNothingElseWaitsFor) {
    const auto a = join("red");
    const auto b = join("red");
    const auto c = join("red");
    for (auto* member : {a.get(), b.get(), c.get()}) member->takes_at_once = 1000;
    c->stuck = true;
    hub_.send(*c, Opcode::text, "stuck");
    hub_.flush();
    hub_.send(*b, Opcode::text, "before");
    for (const auto* const text : {"one", "two"}) hub_.publish(channels({"red"}), text);
    hub_.flush();
    EXPECT_EQ(a->flushes, 0);
    EXPECT_EQ(a->received, (Texts{"one", "two"}));
    EXPECT_EQ(b->received, (Texts{"before", "one", "two"}));
    c->stuck = false;
    hub_.flush_later(*c);
    hub_.flush();
    EXPECT_EQ(c->received, (Texts{"stuck", "one", "two"}));
    for (auto* member : {a.get(), b.get(), c.get()}) hub_.leave(*member);
}

TEST_F(HubTest, QueuesWhatASocketDidNotTakeAtOnce) {
    const auto a = join("red");
    a->takes_at_once = 7;
    for (const auto* const text : {"one", "two"}) hub_.publish(channels({"red"}), text);
    hub_.flush();
    EXPECT_EQ(a->flushes, 1);
    EXPECT_EQ(a->received, (Texts{"one", "two"}));
    EXPECT_TRUE(a->outbox().empty());
    hub_.leave(*a);
}

TEST_F(HubTest, ShowsWhoJoinsWhatIsPublishedFromThenOnAlone) {
    const auto a = join("red");
    hub_.publish(channels({"red"}), "before");
    const auto b = join("red");
    hub_.publish(channels({"red"}), "both");
    hub_.change_channel(*a, "blue");
    hub_.publish(channels({"red"}), "after");
    hub_.publish(channels({"blue"}), "blue");
    hub_.flush();
    EXPECT_EQ(a->received, (Texts{"before", "both", "blue"}));
    EXPECT_EQ(b->received, (Texts{"both", "after"}));
    hub_.leave(*a);
    hub_.leave(*b);
}

// Members of a channel whose sockets take all at once: more than two pieces of them.
class PiecesTest : public HubTest {
  protected:
    PiecesTest() {
        for (std::size_t i = 0; i < 2 * piece + 1; ++i) {
            members_.push_back(join("red"));
            members_.back()->takes_at_once = 1000;
        }
    }
    void TearDown() override {
        for (const auto& member : members_) hub_.leave(*member);
    }

    void publish(std::string_view text) { hub_.publish(channels({"red"}), text); }

    std::size_t count_with(const Texts& texts) const {
        return static_cast<std::size_t>(std::ranges::count(
            members_, texts, [](const auto& member) { return member->received; }));
    }

    std::vector<std::unique_ptr<Member>> members_;
};

TEST_F(PiecesTest, SendsToThreeWhileTheOthersWait) {
    publish("1");
    EXPECT_FALSE(hub_.flush_some());
    EXPECT_EQ(count_with({"1"}), piece);
    EXPECT_FALSE(hub_.flush_some());
    EXPECT_EQ(count_with({"1"}), 2 * piece);
    EXPECT_NE(hub_.gathered(), 0U);
    EXPECT_TRUE(hub_.flush_some());
    EXPECT_EQ(count_with({"1"}), members_.size());
    EXPECT_EQ(hub_.gathered(), 0U);
    EXPECT_TRUE(hub_.flush_some());
    for (const auto& member : members_) EXPECT_EQ(member->writes, 1);
}

TEST_F(PiecesTest, SaysHowManyAreStillToBeSentTo) {
    EXPECT_EQ(hub_.waiting(), 0U);
    const auto other = join("blue");
    publish("1");
    hub_.send(*other, Opcode::text, "answer");
    EXPECT_EQ(hub_.waiting(), members_.size() + 1);
    hub_.flush_some();
    EXPECT_EQ(hub_.waiting(), members_.size() - piece);
    hub_.flush();
    EXPECT_EQ(hub_.waiting(), 0U);
}

TEST_F(PiecesTest, JoinsWhatIsPublishedMeanwhileForThoseWhoseTurnComes) {
    publish("1");
    hub_.flush_some();
    publish("2");
    hub_.flush();
    EXPECT_EQ(count_with({"1", "2"}), members_.size());
    int writes = 0;
    for (const auto& member : members_) writes += member->writes;
    EXPECT_EQ(writes, static_cast<int>(members_.size() + piece));
}

TEST_F(PiecesTest, JoinsItAlthoughSomebodyIsAnsweredInBetween) {
    const auto other = join("blue");
    publish("1");
    hub_.flush_some();
    hub_.send(*other, Opcode::text, "answer");
    publish("2");
    hub_.flush_some();
    EXPECT_EQ(other->received, Texts{"answer"});
    EXPECT_EQ(count_with({"1", "2"}), piece);
    hub_.flush();
    EXPECT_EQ(count_with({"1", "2"}), members_.size());
    for (const auto& member : members_) EXPECT_EQ(member->flushes, 0);
    hub_.leave(*other);
}

TEST_F(PiecesTest, KeepsTheOrderForAMemberThatIsSentToByItself) {
    publish("1");
    hub_.flush_some();
    for (const auto& member : {members_.front().get(), members_.back().get()}) {
        hub_.send(*member, Opcode::text, "own");
    }
    publish("2");
    hub_.flush();
    EXPECT_EQ(count_with({"1", "own", "2"}), 2U);
    EXPECT_EQ(count_with({"1", "2"}), members_.size() - 2);
    // All that it was to have left together.
    EXPECT_EQ(members_.back()->flushes + members_.back()->writes, 1);
}

TEST_F(PiecesTest, SendsWhoJoinsBetweenThemWhatIsPublishedFromThenOnAlone) {
    publish("before");
    hub_.flush_some();
    const auto late = join("red");
    hub_.flush_some();
    publish("after");
    hub_.flush();
    EXPECT_EQ(late->received, Texts{"after"});
    EXPECT_EQ(count_with({"before", "after"}), members_.size());
    hub_.leave(*late);
}

// The last one takes its place in the list, where the turn has passed already.
TEST_F(PiecesTest, PassesNobodyOverWhenSomebodyLeavesBetweenThem) {
    publish("1");
    hub_.flush_some();
    hub_.leave(*members_.front());
    hub_.change_channel(*members_[piece], "blue");
    publish("2");
    hub_.flush();
    EXPECT_EQ(members_.front()->received, Texts{"1"});
    EXPECT_EQ(members_[piece]->received, Texts{"1"});
    EXPECT_EQ(count_with({"1", "2"}), members_.size() - 2);
}

TEST_F(PiecesTest, IsDoneWhenAllHaveLeftBetweenThem) {
    publish("1");
    hub_.flush_some();
    for (const auto& member : members_) hub_.leave(*member);
    const auto next = join("red");
    hub_.flush();
    publish("2");
    hub_.flush();
    EXPECT_EQ(count_with({"1"}), members_.size());
    EXPECT_EQ(next->received, Texts{"2"});
    hub_.leave(*next);
}

TEST_F(PiecesTest, GivesEachItsRestWhenAnotherChannelIsPublishedTo) {
    const auto other = join("blue");
    publish("1");
    hub_.flush_some();
    hub_.publish(channels({"blue"}), "blue");
    publish("2");
    hub_.flush();
    EXPECT_EQ(count_with({"1", "2"}), members_.size());
    EXPECT_EQ(other->received, Texts{"blue"});
    hub_.leave(*other);
}

TEST_F(PiecesTest, SendsTheLastFrameOfASessionBehindAllThatItWasToHave) {
    publish("1");
    hub_.flush_some();
    hub_.send_final(*members_.back(), Opcode::close, "bye");
    hub_.flush();
    EXPECT_EQ(members_.back()->received, (Texts{"1", "bye"}));
}

// Who is a round behind is no slow consumer: nobody waits until everybody is flushed.
TEST_F(PiecesTest, GathersNoMoreThanTwoRoundsOfAChannelThatIsPublishedToWithoutPause) {
    const std::string text(100, 'x');
    constexpr std::size_t messages = 3000;
    std::size_t most = 0;
    for (std::size_t i = 0; i < messages; ++i) {
        publish(text);
        most = std::max(most, hub_.gathered());
        ASSERT_FALSE(hub_.flush_some());
    }
    EXPECT_LE(most, 12 * text.size());
    hub_.flush();
    EXPECT_EQ(count_with(Texts(messages, text)), members_.size());
}

// A queue that never ends would else be served before every channel.
TEST_F(PiecesTest, GoesOnWithTheChannelHoweverManyAreSentToByThemselves) {
    std::vector<std::unique_ptr<Member>> others;
    for (std::size_t i = 0; i < 10 * piece; ++i) {
        others.push_back(join("blue"));
        hub_.send(*others.back(), Opcode::text, "own");
    }
    publish("1");
    EXPECT_FALSE(hub_.flush_some());
    EXPECT_EQ(count_with({"1"}), piece);
    EXPECT_EQ(std::ranges::count(others, Texts{"own"},
                                 [](const auto& member) { return member->received; }),
              static_cast<std::ptrdiff_t>(piece));
    hub_.flush();
    for (const auto& member : others) hub_.leave(*member);
}

TEST_F(HubTest, AsksToBeFlushedBeforeTheLeastOutboxIsFull) {
    const auto least = join("red", {}, 4096);
    const auto other = join("red");
    hub_.publish(channels({"red"}), std::string(2000, 'x'));
    EXPECT_FALSE(hub_.has_gathered_enough());
    hub_.publish(channels({"red"}), std::string(100, 'x'));
    EXPECT_TRUE(hub_.has_gathered_enough());
    hub_.flush();
    EXPECT_FALSE(hub_.has_gathered_enough());
    hub_.leave(*least);
    hub_.leave(*other);
}

}  // namespace
}  // namespace jac::cloud
