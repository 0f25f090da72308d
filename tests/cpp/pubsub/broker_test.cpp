#include "pubsub/broker.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>
#include <vector>

#include "pubsub/origin.hpp"
#include "pubsub/queue_port.hpp"

namespace jac::cloud {
namespace {

using Names = std::vector<std::string_view>;

TEST(Targets, AreEachThereOnce) {
    const Targets channels(TargetKind::channel, Names{"b", "a", "b", "", "a"});
    EXPECT_TRUE(std::ranges::equal(channels.names(), Names{"", "a", "b"}));
    EXPECT_TRUE(channels.roots().empty());
    const Targets users(TargetKind::user,
                        Names{"n::000000000000000000000002", "bad", "n::000000000000000000000001",
                              "00000000000000000000000000000002"});
    EXPECT_EQ(users.roots(), (std::vector<NodeId>{{0, 1}, {0, 2}}));
    EXPECT_TRUE(users.names().empty());
}

TEST(Targets, AreThoseAssignedLast) {
    const std::string long_name(100'000, 'x');
    Targets targets(TargetKind::channel, Names{"b", long_name, "a"});
    const Targets copy = targets;
    targets.assign(TargetKind::client, Names{"c", "c"});
    EXPECT_TRUE(std::ranges::equal(targets.names(), Names{"c"}));
    targets.assign(TargetKind::user, Names{"n::000000000000000000000001"});
    EXPECT_TRUE(targets.names().empty());
    EXPECT_EQ(targets.roots(), (std::vector<NodeId>{{0, 1}}));
    EXPECT_EQ(targets.kind(), TargetKind::user);
    EXPECT_TRUE(std::ranges::equal(copy.names(), Names{"a", "b", long_name}));
}

TEST(Directory, KnowsWhichShardsHaveMembersAndHowMany) {
    Directory directory;
    directory.add(TargetKind::channel, "red", 0);
    directory.add(TargetKind::channel, "red", 0);
    directory.add(TargetKind::channel, "red", 63);
    directory.add(TargetKind::client, "red", 5);  // another table: the same name is no member
    directory.add_user({0, 7}, 2);
    const auto red = directory.reach({TargetKind::channel, Names{"red", "blue"}});
    EXPECT_EQ(red.shards, (std::uint64_t{1} << 63) | 1);
    EXPECT_EQ(red.sessions, 3U);
    EXPECT_EQ(directory.reach({TargetKind::client, Names{"red"}}).shards, 1U << 5);
    EXPECT_EQ(directory.reach({TargetKind::user, Names{format_node_id({0, 7})}}).sessions, 1U);
    EXPECT_EQ(directory.reach({TargetKind::user, Names{format_node_id({7, 0})}}).sessions, 0U);
    directory.remove(TargetKind::channel, "red", 0);
    EXPECT_EQ(directory.reach({TargetKind::channel, Names{"red"}}).sessions, 2U);
    directory.remove(TargetKind::channel, "red", 0);
    EXPECT_EQ(directory.reach({TargetKind::channel, Names{"red"}}).shards, std::uint64_t{1} << 63);
    directory.remove(TargetKind::channel, "red", 63);
    EXPECT_EQ(directory.sizes().channels, 0U);
    EXPECT_EQ(directory.sizes().clients, 1U);
    EXPECT_EQ(directory.sizes().users, 1U);
}

TEST(Directory, CountsRightWhenShardsComeAndGoAtTheSameTime) {
    Directory directory;
    std::vector<std::thread> threads;
    for (unsigned shard = 0; shard < 4; ++shard) {
        threads.emplace_back([&directory, shard] {
            for (int i = 0; i < 2000; ++i) {
                directory.add(TargetKind::channel, "shared", shard);
                directory.add_user({0, 1}, shard);
                (void)directory.reach({TargetKind::channel, Names{"shared"}});
                if (i % 2 == 0) directory.remove(TargetKind::channel, "shared", shard);
                directory.remove_user({0, 1}, shard);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(directory.reach({TargetKind::channel, Names{"shared"}}).sessions, 4000U);
    EXPECT_EQ(directory.reach({TargetKind::channel, Names{"shared"}}).shards, 0xFU);
    EXPECT_EQ(directory.sizes().users, 0U);
}

class BrokerTest : public testing::Test {
  protected:
    BrokerTest() {
        for (auto& port : ports_) {
            port = std::make_shared<QueuePort>();
            broker_.attach(port);
        }
    }

    std::vector<std::size_t> queued() const {
        std::vector<std::size_t> counts;
        for (const auto& port : ports_) counts.push_back(port->deliveries.size());
        return counts;
    }

    static std::shared_ptr<const Publication> to_channel(std::string_view name) {
        return std::make_shared<const Publication>(
            Publication{{TargetKind::channel, Names{name}}, std::make_shared<const Message>("x")});
    }

    LocalBroker broker_;
    std::array<std::shared_ptr<QueuePort>, 3> ports_;
};

using Counts = std::vector<std::size_t>;

TEST_F(BrokerTest, PublishesToTheShardsThatHaveMembers) {
    broker_.directory().add(TargetKind::channel, "red", 0);
    broker_.directory().add(TargetKind::channel, "red", 2);
    broker_.directory().add(TargetKind::channel, "red", 2);
    const auto publication = to_channel("red");
    EXPECT_EQ(broker_.publish(publication), 3U);
    EXPECT_EQ(queued(), (Counts{1, 0, 1}));
    EXPECT_EQ(ports_[2]->deliveries.front().publication, publication);
    EXPECT_EQ(broker_.publish(to_channel("blue")), 0U);
    EXPECT_EQ(queued(), (Counts{1, 0, 1}));
}

TEST_F(BrokerTest, PublishesElsewhereToAllShardsButItsOwn) {
    for (const unsigned shard : {0U, 1U, 2U})
        broker_.directory().add(TargetKind::channel, "red", shard);
    broker_.directory().add(TargetKind::channel, "blue", 1);
    broker_.publish_elsewhere({TargetKind::channel, Names{"red"}}, "payload", 1);
    EXPECT_EQ(queued(), (Counts{1, 0, 1}));
    // One message for both.
    EXPECT_EQ(ports_[0]->deliveries.front().publication, ports_[2]->deliveries.front().publication);
    broker_.publish_elsewhere({TargetKind::channel, Names{"blue"}}, "payload", 1);
    EXPECT_EQ(queued(), (Counts{1, 0, 1}));
}

TEST(Origin, SendsOnlyWhileItsSessionHasTheSameIdentity) {
    const auto port = std::make_shared<QueuePort>();
    const auto current = std::make_shared<std::atomic<std::uint32_t>>(1);
    const Origin origin{port, 9, 1, current};
    const auto message = std::make_shared<const Message>("x");
    EXPECT_TRUE(origin.alive());
    EXPECT_TRUE(origin.send(message));
    ASSERT_EQ(port->deliveries.size(), 1U);
    EXPECT_EQ(port->deliveries.front().session, 9U);
    EXPECT_EQ(port->deliveries.front().generation, 1U);
    *current = 2;
    EXPECT_FALSE(origin.send(message));
    *current = 0;
    EXPECT_FALSE(origin.send(message));
    EXPECT_EQ(port->deliveries.size(), 1U);
}

TEST(Origin, SendsNothingWithoutASessionOrToAShardThatHasStopped) {
    EXPECT_FALSE(Origin{}.alive());
    EXPECT_FALSE(Origin{}.send(std::make_shared<const Message>("x")));
    const auto port = std::make_shared<QueuePort>();
    port->stopped = true;
    const Origin origin{port, 9, 1, std::make_shared<std::atomic<std::uint32_t>>(1)};
    EXPECT_FALSE(origin.send(std::make_shared<const Message>("x")));
}

}  // namespace
}  // namespace jac::cloud
