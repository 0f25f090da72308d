#include "pubsub/hub.hpp"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "frames.hpp"
#include "seeded_random.hpp"

namespace jac::cloud {
namespace {

using Texts = std::vector<std::string>;

// A subscriber whose socket takes everything at the end of a turn, unless it is stuck.
class Member : public Subscriber {
  public:
    Member(std::uint64_t number, std::string channel, const Identity& identity,
           std::size_t outbox_limit = 1 << 20)
        : Subscriber(number, "client" + std::to_string(number), std::move(channel), identity,
                     outbox_limit) {}

    void flush() override {
        ++flushes;
        at_flush();
        if (stuck) return;
        std::array<std::string_view, 1000> views;
        const auto count = outbox().front(views);
        for (std::size_t i = 0; i < count; ++i) bytes_ += views[i];
        outbox().consume(outbox().bytes());
        read();
    }

    std::size_t write_now(std::string_view bytes) override {
        const auto taken = bytes.substr(0, takes_at_once);
        bytes_ += taken;
        if (taken.size() == bytes.size()) read();
        return taken.size();
    }

    void lose_identity() override {}

    using Subscriber::joined;
    using Subscriber::overflowed;

    Texts received;
    int flushes = 0;
    std::size_t takes_at_once = 0;  // of each write_now()
    bool stuck = false;
    std::function<void()> at_flush = [] {};

  private:
    void read() {
        for (const auto& frame : read_server_frames(std::exchange(bytes_, {}))) {
            received.push_back(frame.payload);
        }
    }

    std::string bytes_;  // not read yet
};

Identity user(std::uint64_t value) {
    return {{0, value}, true};
}

Targets clients(const std::vector<std::string_view>& names) {
    return {TargetKind::client, names};
}
Targets channels(const std::vector<std::string_view>& names) {
    return {TargetKind::channel, names};
}
Targets users(const std::vector<std::string_view>& names) {
    return {TargetKind::user, names};
}

class HubTest : public testing::Test {
  protected:
    std::unique_ptr<Member> join(const std::string& channel, const Identity& identity = {},
                                 std::size_t outbox_limit = 1 << 20) {
        auto member = std::make_unique<Member>(++last_number_, channel, identity, outbox_limit);
        hub_.join(*member);
        return member;
    }

    Directory directory_;
    Hub hub_{0, directory_};
    std::uint64_t last_number_ = 0;
};

TEST_F(HubTest, ReachesClientsUsersAndChannels) {
    const auto a = join("red", user(1));
    const auto b = join("red", user(2));
    const auto c = join("blue", user(2));
    EXPECT_EQ(hub_.publish(clients({"client1", "client3", "nobody"}), "by client"), 2U);
    EXPECT_EQ(hub_.publish(channels({"red", "green"}), "by channel"), 2U);
    EXPECT_EQ(hub_.publish(users({format_node_id({0, 2})}), "by user"), 2U);
    EXPECT_EQ(hub_.publish(channels({"green"}), "to nobody"), 0U);
    hub_.flush();
    EXPECT_EQ(a->received, (Texts{"by client", "by channel"}));
    EXPECT_EQ(b->received, (Texts{"by channel", "by user"}));
    EXPECT_EQ(c->received, (Texts{"by client", "by user"}));
    for (auto* member : {a.get(), b.get(), c.get()}) hub_.leave(*member);
}

TEST_F(HubTest, CountsEachReceiverOfAMessageAndTheBytesThatWait) {
    const auto a = join("red", user(1));
    const auto b = join("red", user(2));
    a->stuck = true;
    EXPECT_EQ(hub_.counters().outbox_bytes.value(), 0U);
    hub_.publish(channels({"red"}), "to both");
    hub_.publish(channels({"green"}), "to nobody");
    const auto message = std::make_shared<const Message>("to one");
    hub_.deliver({nullptr, message, b->number(), b->generation()});
    EXPECT_EQ(hub_.counters().deliveries.value(), 3U);
    EXPECT_EQ(hub_.counters().outbox_bytes.value(), a->outbox().bytes() + b->outbox().bytes());
    hub_.flush();
    EXPECT_NE(a->outbox().bytes(), 0U);
    EXPECT_EQ(hub_.counters().outbox_bytes.value(), a->outbox().bytes());
    a->outbox().clear();
    EXPECT_EQ(hub_.counters().outbox_bytes.value(), 0U);
    hub_.leave(*a);
    hub_.leave(*b);
}

TEST_F(HubTest, DeliversOnceHoweverOftenATargetIsListed) {
    const auto a = join("red", user(0xAB));
    const auto b = join("blue", user(0xAB));
    EXPECT_EQ(hub_.publish(channels({"red", "blue", "red", "red"}), "x"), 2U);
    EXPECT_EQ(hub_.publish(clients({"client1", "client1"}), "y"), 1U);
    EXPECT_EQ(hub_.publish(
                  users({"n::0000000000000000000000ab", "0000000000000000000000AB",
                         "n::000000000000000000000000000000ab", "n:Root:0000000000000000000000aB"}),
                  "z"),
              2U);
    hub_.flush();
    EXPECT_EQ(a->received, (Texts{"x", "y", "z"}));
    EXPECT_EQ(b->received, (Texts{"x", "z"}));
    hub_.leave(*a);
    hub_.leave(*b);
}

TEST_F(HubTest, SendsNothingToNamesThatAreNoRoots) {
    const auto a = join("red", user(1));
    EXPECT_EQ(hub_.publish(users({"", "1", "client1", "n::zz", "red"}), "x"), 0U);
    hub_.leave(*a);
}

TEST_F(HubTest, HasEmptyTablesAfterTheLastOneLeaves) {
    const auto a = join("red", user(1));
    const auto b = join("red", user(1));
    EXPECT_EQ(hub_.size(), 2U);
    EXPECT_EQ(directory_.sizes().clients, 2U);
    EXPECT_EQ(directory_.sizes().users, 1U);
    EXPECT_EQ(directory_.sizes().channels, 1U);
    hub_.change_user(*a, user(2));
    EXPECT_EQ(directory_.sizes().users, 2U);
    hub_.leave(*a);
    EXPECT_FALSE(hub_.empty());
    hub_.leave(*b);
    hub_.leave(*b);  // once more is nothing
    EXPECT_TRUE(hub_.empty());
    EXPECT_EQ(directory_.sizes().clients, 0U);
    EXPECT_EQ(directory_.sizes().users, 0U);
    EXPECT_EQ(directory_.sizes().channels, 0U);
}

TEST_F(HubTest, FlushesOnceATurnWhoeverWasSentToAndNobodyElse) {
    const auto a = join("red");
    const auto b = join("blue");
    for (int i = 0; i < 10; ++i) hub_.publish(channels({"red"}), "x");
    EXPECT_EQ(a->flushes, 0);
    hub_.flush();
    EXPECT_EQ(a->flushes, 1);
    EXPECT_EQ(a->received.size(), 10U);
    EXPECT_EQ(b->flushes, 0);
    hub_.flush();
    EXPECT_EQ(a->flushes, 1);
    hub_.leave(*a);
    hub_.leave(*b);
}

TEST_F(HubTest, WritesAFrameOnceForAllWhoReceiveIt) {
    std::vector<std::unique_ptr<Member>> members;
    for (int i = 0; i < 100; ++i) members.push_back(join("red"));
    std::set<const char*> places;
    for (const auto& member : members) {
        member->at_flush = [&] {
            std::array<std::string_view, 2> views;
            ASSERT_EQ(member->outbox().front(views), 1U);
            places.insert(views[0].data());
        };
    }
    hub_.publish(channels({"red"}), std::string(1000, 'x'));
    EXPECT_EQ(hub_.gathered(), 1004U);
    hub_.flush();
    EXPECT_EQ(places.size(), 1U);
    EXPECT_EQ(hub_.gathered(), 0U);
    for (const auto& member : members) hub_.leave(*member);
}

TEST_F(HubTest, KeepsTheOrderOfAllKindsOfMessages) {
    const auto a = join("red", user(1));
    Texts expected;
    for (int i = 0; i < 50; ++i) {
        const auto text = std::to_string(i);
        expected.push_back(text);
        switch (i % 4) {
            case 0:
                hub_.publish(channels({"red"}), text);
                break;
            case 1:
                hub_.send(*a, Opcode::text, text);
                break;
            case 2:
                hub_.send(*a, std::make_shared<const Message>(text));
                break;
            default:
                hub_.deliver(
                    {nullptr, std::make_shared<const Message>(text), a->number(), a->generation()});
        }
        if (i % 7 == 0) hub_.flush();
    }
    hub_.flush();
    EXPECT_EQ(a->received, expected);
    hub_.leave(*a);
}

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

TEST_F(HubTest, MarksTheSlowOneAndDisturbsNobodyElse) {
    const auto slow = join("red", {}, 1000);
    const auto quick = join("red");
    slow->stuck = true;
    for (int i = 0; i < 30; ++i) {
        hub_.publish(channels({"red"}), std::string(100, 'x'));
        hub_.flush();
    }
    EXPECT_TRUE(slow->overflowed());
    EXPECT_FALSE(quick->overflowed());
    EXPECT_EQ(quick->received.size(), 30U);
    EXPECT_LE(slow->outbox().bytes(), 1000U);
    // From its overflow on it is sent nothing, or what it is missing would show as a gap.
    slow->outbox().clear();
    const auto flushes = slow->flushes;
    hub_.publish(channels({"red"}), "x");
    hub_.flush();
    EXPECT_TRUE(slow->outbox().empty());
    EXPECT_EQ(slow->flushes, flushes);
    // Its last frame gets through.
    slow->stuck = false;
    hub_.send_final(*slow, Opcode::close, "bye");
    hub_.flush();
    EXPECT_EQ(slow->received, Texts{"bye"});
    hub_.leave(*slow);
    hub_.leave(*quick);
}

TEST_F(HubTest, FlushesWhoOverflowed) {
    const auto slow = join("red", {}, 1000);
    slow->stuck = true;
    hub_.publish(channels({"red"}), std::string(900, 'x'));
    hub_.flush();
    hub_.publish(channels({"red"}), std::string(900, 'x'));
    hub_.flush();
    EXPECT_EQ(slow->flushes, 2);
    hub_.leave(*slow);
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

TEST_F(HubTest, BoundsAnOutboxWithinATurnToo) {
    const auto a = join("red", {}, 1000);
    for (int i = 0; i < 10; ++i) hub_.publish(channels({"red"}), std::string(300, 'x'));
    a->stuck = true;
    hub_.flush();
    EXPECT_TRUE(a->overflowed());
    EXPECT_LE(a->outbox().bytes(), 1000U);
    hub_.leave(*a);
}

TEST_F(HubTest, DropsWhatWasMeantForAnIdentityOfBefore) {
    const auto a = join("red", user(1));
    const auto old_generation = a->generation();
    const auto shared = a->shared_generation();
    EXPECT_EQ(shared->load(), old_generation);
    hub_.change_user(*a, user(2));
    EXPECT_EQ(shared->load(), a->generation());
    EXPECT_NE(a->generation(), old_generation);
    const auto message = std::make_shared<const Message>("secret");
    hub_.deliver({nullptr, message, a->number(), old_generation});
    hub_.deliver(
        {std::make_shared<const Publication>(Publication{users({format_node_id({0, 1})}), message}),
         nullptr, 0, 0});
    hub_.deliver({nullptr, std::make_shared<const Message>("mine"), a->number(), a->generation()});
    hub_.flush();
    EXPECT_EQ(a->received, Texts{"mine"});
    hub_.leave(*a);
    EXPECT_EQ(shared->load(), 0U);
    hub_.deliver({nullptr, message, a->number(), a->generation()});
    EXPECT_TRUE(a->outbox().empty());
}

TEST_F(HubTest, ChangesTheUserOfOneWhoHasLeftWithoutListingIt) {
    const auto a = join("red", user(1));
    const auto shared = a->shared_generation();
    hub_.leave(*a);
    hub_.change_user(*a, user(2));
    EXPECT_EQ(a->identity(), user(2));
    EXPECT_EQ(shared->load(), 0U);
    EXPECT_TRUE(hub_.empty());
    EXPECT_EQ(a->shared_generation()->load(), 0U);
}

TEST_F(HubTest, FlushesOneWhoHasLeft) {
    const auto a = join("red");
    hub_.publish(channels({"red"}), "last");
    hub_.leave(*a);
    hub_.flush();
    EXPECT_EQ(a->received, Texts{"last"});
}

TEST_F(HubTest, AllowsPublishingJoiningAndLeavingInAFlush) {
    const auto a = join("red");
    const auto b = join("red");
    std::unique_ptr<Member> c;
    a->at_flush = [&] {
        if (c) return;
        c = join("red");
        hub_.leave(*b);
        hub_.publish(channels({"red"}), "again");
    };
    hub_.publish(channels({"red"}), "first");
    hub_.flush();
    EXPECT_EQ(a->received, (Texts{"first", "again"}));
    EXPECT_EQ(b->received, Texts{"first"});
    EXPECT_EQ(c->received, Texts{"again"});
    hub_.leave(*a);
    hub_.leave(*c);
    EXPECT_TRUE(hub_.empty());
}

TEST_F(HubTest, FlushesOnceMoreWhoIsSentToWhileItIsFlushed) {
    const auto a = join("red");
    a->at_flush = [&] {
        a->stuck = a->flushes == 1;
        if (a->stuck) hub_.send(*a, Opcode::text, "y");
    };
    hub_.send(*a, Opcode::text, "x");
    hub_.flush();
    EXPECT_EQ(a->flushes, 2);
    EXPECT_EQ(a->received, (Texts{"x", "y"}));
}

TEST_F(HubTest, ForgetsOneThatGoesWhileItWaitsForItsFlush) {
    auto a = join("red");
    auto b = join("red");
    auto c = join("red");
    const auto end = [this](std::unique_ptr<Member>& member) {
        hub_.leave(*member);
        hub_.forget(*member);
        member.reset();
    };
    // Before the flush, during it before its turn came, and after its turn with more to be sent.
    hub_.publish(channels({"red"}), "x");
    end(a);
    b->at_flush = [&] {
        if (c) end(c);
    };
    hub_.flush();
    EXPECT_EQ(b->received, Texts{"x"});
    const auto d = join("red");
    d->at_flush = [&] {
        if (!b) return;
        hub_.publish(channels({"red"}), "y");
        end(b);
    };
    hub_.publish(channels({"red"}), "z");
    hub_.flush();
    EXPECT_EQ(d->received, (Texts{"z", "y"}));
    EXPECT_EQ(b, nullptr);
    hub_.leave(*d);
    EXPECT_TRUE(hub_.empty());
}

TEST_F(HubTest, AgreesWithASimpleModelWhateverIsDone) {
    SeededRandom random(4);
    const auto below = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
    };
    std::vector<std::unique_ptr<Member>> members;
    std::map<const Member*, Texts> expected;
    for (int step = 0; step < 20'000; ++step) {
        const auto action = below(10);
        if (members.empty() || (action == 0 && members.size() < 60)) {
            members.push_back(join("channel" + std::to_string(below(6)), user(below(6))));
            members.back()->takes_at_once = below(40);
        } else if (action == 1) {
            const auto which = below(members.size());
            hub_.leave(*members[which]);
            hub_.flush();
            ASSERT_EQ(members[which]->received, expected[members[which].get()]);
            expected.erase(members[which].get());
            hub_.forget(*members[which]);
            members.erase(members.begin() + static_cast<std::ptrdiff_t>(which));
        } else if (action == 2) {
            hub_.change_user(*members[below(members.size())], user(below(6)));
        } else if (action == 3) {
            hub_.flush();
        } else {
            const auto kind = static_cast<TargetKind>(below(3));
            std::set<std::string> names;
            for (auto i = below(4) + 1; i > 0; --i) {
                names.insert(kind == TargetKind::client
                                 ? "client" + std::to_string(below(last_number_ + 1))
                             : kind == TargetKind::channel ? "channel" + std::to_string(below(7))
                                                           : format_node_id({0, below(7)}));
            }
            const auto text = std::to_string(step);
            const auto times = below(3) + 1;
            std::size_t count = 0;
            for (const auto& member : members) {
                const auto name = kind == TargetKind::client ? member->client_id()
                                  : kind == TargetKind::channel
                                      ? member->channel_id()
                                      : format_node_id(member->identity().root);
                if (!names.contains(name)) continue;
                ++count;
                auto& texts = expected[member.get()];
                texts.insert(texts.end(), times, text);
            }
            const Targets targets(kind, std::vector<std::string_view>(names.begin(), names.end()));
            ASSERT_EQ(directory_.reach(targets).sessions, count);
            for (std::size_t i = 0; i < times; ++i) ASSERT_EQ(hub_.publish(targets, text), count);
        }
        ASSERT_EQ(hub_.size(), members.size());
    }
    hub_.flush();
    for (const auto& member : members) {
        ASSERT_EQ(member->received, expected[member.get()]);
        hub_.leave(*member);
    }
    EXPECT_TRUE(hub_.empty());
    EXPECT_EQ(directory_.sizes().clients + directory_.sizes().users + directory_.sizes().channels,
              0U);
}

}  // namespace
}  // namespace jac::cloud
