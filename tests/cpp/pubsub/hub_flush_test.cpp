#include <array>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "hub_fixture.hpp"

namespace jac::cloud {
namespace {

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

TEST_F(HubTest, BoundsAnOutboxWithinATurnToo) {
    const auto a = join("red", {}, 1000);
    for (int i = 0; i < 10; ++i) hub_.publish(channels({"red"}), std::string(300, 'x'));
    a->stuck = true;
    hub_.flush();
    EXPECT_TRUE(a->overflowed());
    EXPECT_LE(a->outbox().bytes(), 1000U);
    hub_.leave(*a);
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

}  // namespace
}  // namespace jac::cloud
