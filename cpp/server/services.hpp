#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/config.hpp"
#include "base/lane.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/worker_lane.hpp"
#include "pubsub/broker.hpp"
#include "pubsub/work.hpp"
#include "server/trusted_proxies.hpp"
#include "tls/tls_context.hpp"

namespace jac::cloud {

class HttpQueue;  // http_exchange.hpp

// What the shards of one server share. Outlives them.
struct Services {
    explicit Services(Config settings) : config(std::move(settings)) {}

    const Config config;
    // How long a client whose walker runs on waits for its goodbye while the server drains. Not to
    // be changed once the server has started.
    std::chrono::milliseconds longest_goodbye{4000};
    const TrustedProxies proxies{config.trusted_proxies};
    LogSink log;
    Limits limits{log};
    WorkerLane<WalkerJob> walker_lane;
    Lane<TokenCheck> token_lane;
    Lane<WalkerJob> policy_lane;                 // questions to the app's policy
    std::unique_ptr<TlsCredentials> tls;         // nullptr: connections are plain
    std::shared_ptr<HttpQueue> http;             // requests for the application
    std::shared_ptr<LocalBroker> broker;         // for others too, who may outlive the server
    std::atomic<bool> draining = false;          // new connections are answered 503
    std::atomic<std::uint64_t> revocations = 0;  // there have been
};

}  // namespace jac::cloud
