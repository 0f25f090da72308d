#include "server/listener.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "server/descriptor.hpp"
#include "server/http_session.hpp"
#include "server/tls_handshake.hpp"

namespace jac::cloud {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

constexpr int batch = 64;  // connections a turn, so that others get theirs
constexpr std::chrono::milliseconds first_retry{50};
constexpr std::chrono::milliseconds longest_retry{1000};
constexpr unsigned max_refusals = 32;  // at a time; half of the descriptors' reserve

Errc to_errc(const Error& error) {
    if (error == asio::error::address_in_use) return Errc::address_in_use;
    if (error == asio::error::access_denied) return Errc::permission_denied;
    return Errc::address_unavailable;
}

tcp::endpoint find_endpoint(asio::io_context& io, std::string host, std::uint16_t port) {
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    Error error;
    const auto address = asio::ip::make_address(host, error);
    if (!error) return {address, port};
    const auto found = tcp::resolver(io).resolve(host, "", error);
    if (error || found.empty()) throw ListenError(Errc::not_an_address, host);
    // A name like localhost has two addresses; most clients that ask by number mean IPv4.
    const auto best = std::ranges::find_if(
        found, [](const auto& entry) { return entry.endpoint().address().is_v4(); });
    return {(best == found.end() ? *found.begin() : *best).endpoint().address(), port};
}

std::string display(const tcp::endpoint& endpoint) {
    const auto address = endpoint.address().to_string();
    return endpoint.address().is_v6() ? fmt::format("[{}]:{}", address, endpoint.port())
                                      : fmt::format("{}:{}", address, endpoint.port());
}

}  // namespace

Listener::Listener(Services& services, std::vector<std::unique_ptr<Shard>>& shards)
    : services_(services),
      shards_(shards),
      admission_(std::make_shared<Admission>(Admission::Most{
          services.config.resolved_max_connections(), services.config.max_connections_per_address,
          services.config.max_handshakes})),
      refusals_(std::make_shared<Admission>(Admission::Most{max_refusals})),
      acceptor_(shards.front()->io()),
      retry_(shards.front()->io()) {}

void Listener::open() {
    const auto& config = services_.config;
    if (config.listen_fd >= 0) return adopt(config.listen_fd);
    const auto endpoint = find_endpoint(shards_.front()->io(), config.host, config.port);
    Error error;
    const auto check = [&] {
        if (error) throw ListenError(to_errc(error), display(endpoint));
    };
    acceptor_.open(endpoint.protocol(), error);
    check();
    // Ports whose last connections the kernel still remembers may be listened on again.
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    check();
    if (endpoint.address().is_v6()) {
        acceptor_.set_option(asio::ip::v6_only(false), error);
        check();
    }
    acceptor_.bind(endpoint, error);
    check();
    acceptor_.listen(static_cast<int>(config.backlog), error);
    check();
    acceptor_.non_blocking(true, error);
    check();
    port_ = acceptor_.local_endpoint(error).port();
    check();
}

// A socket that whoever started the process listens on already.
void Listener::adopt(int descriptor) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    int type = 0;
    int listens = 0;
    const auto option = [&](int name, int& value) {
        socklen_t size = sizeof value;
        return ::getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0;
    };
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): what getsockname() asks for
    const bool named =
        ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) == 0;
    const bool internet = address.ss_family == AF_INET || address.ss_family == AF_INET6;
    if (!named || !internet || !option(SO_TYPE, type) || type != SOCK_STREAM ||
        !option(SO_ACCEPTCONN, listens) || listens == 0) {
        throw ListenError(Errc::not_a_listening_socket, fmt::format("descriptor {}", descriptor));
    }
    Error error;
    // Other processes may have it too: what is made non-blocking here is so for all of them.
    acceptor_.assign(address.ss_family == AF_INET ? tcp::v4() : tcp::v6(), descriptor, error);
    if (!error) acceptor_.non_blocking(true, error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (error) {
        throw ListenError(Errc::not_a_listening_socket, fmt::format("descriptor {}", descriptor));
    }
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

void Listener::start() {
    // Answers are small and awaited: they must not wait for more to fill a segment. Who is accepted
    // inherits it.
    Error ignored;
    acceptor_.set_option(tcp::no_delay(true), ignored);
    shards_.front()->mailbox()->post([this] { wait(); });
}

void Listener::close() {
    Error ignored;
    acceptor_.close(ignored);
    retry_.cancel();
}

void Listener::wait() {
    if (!acceptor_.is_open()) return;
    acceptor_.async_wait(tcp::acceptor::wait_read, [this](const Error& error) {
        if (!error) accept_some();
    });
}

void Listener::accept_some() {
    for (int i = 0; i < batch && acceptor_.is_open(); ++i) {
        tcp::endpoint client;
        auto length = static_cast<socklen_t>(client.capacity());
        // Not through Asio, which leaves the socket open in the children of a walker.
        const int descriptor = ::accept4(acceptor_.native_handle(), client.data(), &length,
                                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            retry_after_ = std::chrono::milliseconds{0};
            client.resize(length);
            hand_over(descriptor, client);
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            return pause(errno);
        }
        // Anything else concerns that one connection, which has gone already.
    }
    wait();
}

void Listener::pause(int error) {
    retry_after_ = std::clamp(2 * retry_after_, first_retry, longest_retry);
    services_.limits.reached(Limit::descriptors, "reason", std::generic_category().message(error));
    retry_.expires_after(retry_after_);
    retry_.async_wait([this](const Error& cancelled) {
        if (!cancelled) accept_some();
    });
}

Shard& Listener::least_busy() const {
    const auto least = std::ranges::min_element(shards_, {}, [](const auto& shard) {
        return shard->connection_count().load(std::memory_order_relaxed);
    });
    return **least;
}

std::shared_ptr<Ticket> Listener::admit(const tcp::endpoint& client, Shard& shard,
                                        std::optional<Refusal>& refusal) {
    if (services_.draining) {
        refusal = service_unavailable("The server is about to stop!");
    } else {
        const auto address = address_text(client.address());
        // Behind a proxy who connects is told by the request, and counted then.
        const bool told_later = services_.proxies.trusts(client.address());
        auto place =
            admission_->admit(told_later ? std::string() : address, shard.connection_count());
        if (auto* const ticket = std::get_if<std::shared_ptr<Ticket>>(&place)) return *ticket;
        services_.limits.reached(std::get<Limit>(place), "client", address);
        refusal = service_unavailable("There are too many connections!");
    }
    auto place = refusals_->admit({}, refusal_count_);
    auto* const ticket = std::get_if<std::shared_ptr<Ticket>>(&place);
    return ticket == nullptr ? nullptr : *ticket;
}

void Listener::hand_over(int descriptor, const tcp::endpoint& client) {
    auto socket = std::make_shared<Descriptor>(descriptor);  // also when the task is dropped
    Shard& shard = least_busy();
    std::optional<Refusal> refusal;
    auto ticket = admit(client, shard, refusal);
    if (!ticket) return;  // closed without a word, for even that would cost a descriptor

    shard.mailbox()->post([socket, protocol = client.protocol(), refusal, ticket, &shard] {
        Error error;
        tcp::socket accepted(shard.io());
        accepted.assign(protocol, socket->get(), error);
        if (error) return;
        socket->release();
        accepted.non_blocking(true, error);
        begin_connection(shard, std::move(accepted), refusal, ticket);
    });
}

}  // namespace jac::cloud
