#pragma once

#include <memory>

#include "pubsub/session.hpp"
#include "server/poller.hpp"
#include "server/shard.hpp"
#include "server/stream.hpp"

namespace jac::cloud {

// A session and its stream. The shard owns it until that is closed and no work of it is out.
class WebsocketConnection final : public Session, public Connection, private Watched {
  public:
    // `deflate_window` as in Subscriber.
    WebsocketConnection(Shard& shard, Stream stream, std::uint64_t number, std::string client_id,
                        std::string channel_id, const Identity& identity, int deflate_window,
                        std::shared_ptr<Ticket> ticket);

    ~WebsocketConnection() override { close_socket(); }

    void start(std::string_view response_head, std::span<char> leftover);

    // The shard's clock came to the session's place in the wheel.
    void on_wheel(TimePoint due);
    void answer_walker(std::string_view reply, std::optional<ReplyError> error);
    void answer_token(std::uint64_t check, const TokenAnswer& answer);
    void answer_policy(std::uint64_t question, std::optional<bool> allowed);

    void flush() override;
    std::size_t write_now(std::string_view bytes) override;

    void drain() override { Session::drain(); }
    void finish() override { close(CloseCode::going_away); }
    void abort() override;

  private:
    void submit_walker(WalkerJob::Request request) override;
    void submit_token(std::string token, std::uint64_t check) override;
    void submit_question(const PolicyQuestion& question) override;
    void changed() override;

    void on_ready() override;
    void read();
    void go_on_reading();
    bool write_some();
    Transfer write_front();
    void schedule();
    void close_stream();
    void close_socket();
    void retire_if_done();

    Shard& shard_;
    Stream stream_;
    std::shared_ptr<Ticket> ticket_;
    TimePoint scheduled_ = TimePoint::max();
    bool waiting_write_ = false;
};

}  // namespace jac::cloud
