// One shard, run on the test's own thread.

#include "server/shard.hpp"

#include <gtest/gtest.h>

#include "http_support.hpp"
#include "server/admission.hpp"
#include "server/tls_handshake.hpp"

namespace jac::cloud {
namespace {

using boost::asio::ip::tcp;

// It was kept, with its socket, by nobody: the listener hands it over while another thread stops
// the server, and both letters lie in the mailbox at the same time.
TEST(Shard, EndsAConnectionThatComesBehindTheWordToStop) {
    Services services(test_config());
    services.http = std::make_shared<HttpQueue>();
    services.broker = std::make_shared<LocalBroker>();
    Shard shard(0, services);
    services.broker->attach(shard.mailbox());
    const auto admission = std::make_shared<Admission>(Admission::Most{1});

    tcp::acceptor acceptor(shard.io(), tcp::endpoint(tcp::v4(), 0));
    RawClient client(acceptor.local_endpoint().port());
    auto place = admission->admit({}, shard.connection_count());
    shard.mailbox()->post([&] {
        shard.abort_connections();
        shard.stop();
    });
    shard.mailbox()->post([&] {
        auto socket = acceptor.accept();
        socket.non_blocking(true);
        begin_connection(shard, std::move(socket), std::nullopt,
                         std::exchange(std::get<std::shared_ptr<Ticket>>(place), nullptr));
    });
    shard.run();
    EXPECT_EQ(client.rest(), "");
    EXPECT_EQ(shard.connection_count(), 0U);
    EXPECT_EQ(admission->connections(), 0U);
}

}  // namespace
}  // namespace jac::cloud
