#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "pubsub/broker.hpp"
#include "server/server.hpp"

namespace jac::cloud {

// The server that runs in this process, as the interpreter is one for the process too. Thread-safe.
class ActiveServer {
  public:
    // Throws ListenError (already_running) while another one runs.
    void enter(const std::shared_ptr<Server>& server);
    // It listens on this port: a forked child closes what it has of it.
    static void serves(std::uint16_t port);
    void leave(const Server& server);

    // Null: none runs.
    std::shared_ptr<Server> server() const;
    std::shared_ptr<Broker> broker() const;

  private:
    mutable std::mutex mutex_;
    std::weak_ptr<Server> server_;
    std::shared_ptr<Broker> broker_;
};

ActiveServer& active_server();

// A fork copies the server's memory but not its threads. Throws ListenError (forked_child) in the
// child of a process whose server had been started.
void refuse_in_forked_child();
bool in_forked_child() noexcept;
// Called when a server starts.
void watch_for_forks();

}  // namespace jac::cloud
