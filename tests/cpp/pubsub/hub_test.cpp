#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "hub_fixture.hpp"
#include "seeded_random.hpp"

namespace jac::cloud {
namespace {

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
            for (auto i = below(8); i > 0; --i) hub_.flush_some();
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
