#include "server/poller.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <utility>

#include "server/descriptor.hpp"

namespace jac::cloud {
namespace {

// One end of a connection that is watched; the test has the other one.
class Watcher final : public Watched {
  public:
    Watcher(Poller& poller, std::string name, std::string& served)
        : poller_(poller), name_(std::move(name)), served_(served) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
        own_ = Descriptor(ends[0]);
        peer = Descriptor(ends[1]);
        EXPECT_TRUE(poller_.watch(own_.get(), *this));
    }
    ~Watcher() override { close(); }

    void on_ready() override {
        served_ += name_;
        at_turn();
    }

    void close() {
        if (own_.get() < 0) return;
        poller_.unwatch(own_.get(), *this);
        own_.close();
    }

    std::string read() {
        std::array<char, 64> bytes{};
        const auto count = ::read(own_.get(), bytes.data(), bytes.size());
        readable_ = hung_up_;
        return {bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
    }
    // Until it takes no more.
    void fill() {
        const std::array<char, 4096> bytes{};
        while (::write(own_.get(), bytes.data(), bytes.size()) > 0) continue;
        writable_ = false;
    }

    using Watched::broken_;
    using Watched::hung_up_;
    using Watched::readable_;
    using Watched::writable_;

    Descriptor peer;
    std::function<void()> at_turn = [] {};

  private:
    Poller& poller_;
    std::string name_;
    std::string& served_;
    Descriptor own_;
};

class PollerTest : public testing::Test {
  protected:
    PollerTest() {
        poller_.start([this] {
            poller_.collect();
            for (int i = 0; i < most_; ++i) {
                auto* const watched = poller_.next();
                if (watched == nullptr) break;
                watched->on_ready();
            }
        });
    }

    // Whoever was served, in order.
    std::string turn() {
        io_.restart();
        io_.poll_one();
        return std::exchange(served_, {});
    }
    std::string turns() {
        io_.restart();
        io_.poll();
        return std::exchange(served_, {});
    }

    Watcher watcher(std::string name) { return {poller_, std::move(name), served_}; }

    boost::asio::io_context io_{1};
    Poller poller_{io_};
    std::string served_;
    int most_ = 100;  // of a turn
};

TEST_F(PollerTest, SaysOnceThatThereIsSomethingToRead) {
    auto a = watcher("a");
    turns();
    EXPECT_FALSE(a.readable_);
    ::write(a.peer.get(), "one", 3);
    EXPECT_EQ(turns(), "a");
    EXPECT_TRUE(a.readable_);
    EXPECT_EQ(turns(), "");
    EXPECT_TRUE(a.readable_);  // remembered: no second word is said
    EXPECT_EQ(a.read(), "one");
    EXPECT_FALSE(a.readable_);
    ::write(a.peer.get(), "two", 3);
    EXPECT_EQ(turns(), "a");
    EXPECT_EQ(a.read(), "two");
}

TEST_F(PollerTest, GivesATurnToWhoComesBackToWhatItLeft) {
    auto a = watcher("a");
    turns();
    ::write(a.peer.get(), "one", 3);
    turns();
    ::write(a.peer.get(), "two", 3);
    turns();
    poller_.make_ready(a);
    poller_.make_ready(a);
    EXPECT_EQ(turns(), "a");
    EXPECT_TRUE(a.readable_);
    EXPECT_EQ(a.read(), "onetwo");
}

TEST_F(PollerTest, ServesOthersBetweenTheTurnsOfOneThatAlwaysHasMore) {
    auto a = watcher("a");
    auto b = watcher("b");
    turns();
    a.at_turn = [&] { poller_.make_ready(a); };
    poller_.make_ready(a);
    EXPECT_EQ(turn(), "a");
    ::write(b.peer.get(), "x", 1);
    EXPECT_EQ(turn(), "ab");
    ::write(b.peer.get(), "x", 1);
    EXPECT_EQ(turn(), "ab");
    EXPECT_EQ(turn(), "a");
}

TEST_F(PollerTest, GoesOnWithThoseForWhomATurnHadNoTime) {
    auto a = watcher("a");
    auto b = watcher("b");
    auto c = watcher("c");
    turns();
    most_ = 1;
    a.at_turn = [&] { poller_.make_ready(a); };
    for (auto* const watched : {&a, &b, &c}) poller_.make_ready(*watched);
    std::string served;
    for (int i = 0; i < 4; ++i) served += turn();
    EXPECT_EQ(served, "abca");
}

TEST_F(PollerTest, ForgetsOneThatIsClosedWhileItIsReady) {
    auto a = watcher("a");
    auto b = watcher("b");
    turns();
    a.at_turn = [&] { b.close(); };
    ::write(a.peer.get(), "x", 1);
    ::write(b.peer.get(), "x", 1);
    EXPECT_EQ(turns(), "a");
}

TEST_F(PollerTest, TellsNothingOfOneThatIsClosedButForACopyOfItsDescriptor) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    const Descriptor copy(::dup(ends[0]));
    const Descriptor peer(ends[1]);
    {
        auto a = watcher("a");
        ASSERT_TRUE(poller_.watch(ends[0], a));
        poller_.unwatch(ends[0], a);
        ::close(ends[0]);
        turns();
    }
    ::write(peer.get(), "x", 1);
    EXPECT_EQ(turns(), "");
}

TEST_F(PollerTest, SaysWhenASocketThatWasFullHasRoom) {
    auto a = watcher("a");
    turns();
    a.fill();
    EXPECT_EQ(turns(), "");
    std::array<char, 65536> bytes{};
    while (::read(a.peer.get(), bytes.data(), bytes.size()) > 0) continue;
    EXPECT_EQ(turns(), "a");
    EXPECT_TRUE(a.writable_);
}

TEST_F(PollerTest, RemembersTheEndBehindBytesThatAreNotRead) {
    auto a = watcher("a");
    turns();
    ::write(a.peer.get(), "last", 4);
    ::shutdown(a.peer.get(), SHUT_WR);
    turns();
    EXPECT_TRUE(a.hung_up_);
    EXPECT_FALSE(a.broken_);
    EXPECT_EQ(a.read(), "last");
    EXPECT_TRUE(a.readable_);
    EXPECT_EQ(a.read(), "");
    a.peer.close();
    EXPECT_EQ(turns(), "a");
    EXPECT_TRUE(a.broken_);
}

}  // namespace
}  // namespace jac::cloud
