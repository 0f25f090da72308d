#include "protocol.hpp"

#include <stdexcept>

namespace jac::cloud::bench {

int Protocol::answers(std::string_view message, std::uint64_t& wrong) const {
    int count = 0;
    for_each_stamp(message, [&](std::string_view) { ++count; });
    if (count == 0) ++wrong;
    return count;
}

namespace {

// This server and the older jac-cloud.
class JacProtocol : public Protocol {
  public:
    using Protocol::Protocol;

    std::string path(const Connection& connection) const override {
        if (!options_.path.empty()) return options_.path;
        return connection.subscriber ? "/websocket?channel_id=" + options_.channel : "/websocket";
    }

    bool opened(Connection&) override { return false; }

    bool setup(Connection& connection, std::string_view message) override {
        if (message.find("\"connection\"") == std::string_view::npos) return false;
        connection.client_id = string_field(message, "client_id");
        return true;
    }

    std::string request(const Connection& connection, std::uint64_t now_ns) const override {
        if (options_.test == Test::walker) {
            return R"({"type":"walker","walker":")" + options_.walker +
                   R"(","response":true,"context":)" + options_.context + "}";
        }
        return R"({"type":"client","client_ids":[")" + connection.client_id + R"("],"data":)" +
               object({.sent_ns = now_ns}) + "}";
    }

    std::string publish(Stamp stamp) const override {
        return R"({"type":"channel","channel_ids":[")" + options_.channel + R"("],"data":)" +
               object(stamp) + "}";
    }

    std::string publish_batch(Stamp first) const override {
        if (!options_.published_by_walker) return publish(first);
        std::string event = R"({"type":"walker","walker":"publish","context":{"channel":")" +
                            options_.channel + R"(","messages":[)";
        for (int i = 0; i < options_.batch; ++i, ++first.sequence) {
            if (i > 0) event += ',';
            event += object(first);
        }
        return event + "]}}";
    }

    bool refuses(std::string_view message) const override {
        return message.find("\"error\"") != std::string_view::npos;
    }

    int answers(std::string_view message, std::uint64_t& wrong) const override {
        if (options_.test != Test::walker) return Protocol::answers(message, wrong);
        const bool good = message.find("\"status\":200") != std::string_view::npos ||
                          message.find("\"status\": 200") != std::string_view::npos;
        if (!good) ++wrong;
        return 1;
    }
};

// /echo returns what it gets; what comes to /pub goes as it is to every /sub.
class PlainProtocol : public Protocol {
  public:
    using Protocol::Protocol;

    std::string path(const Connection& connection) const override {
        if (!options_.path.empty()) return options_.path;
        return connection.subscriber ? "/sub" : connection.publisher ? "/pub" : "/echo";
    }

    std::string request(const Connection&, std::uint64_t now_ns) const override {
        return object({.sent_ns = now_ns});
    }

    std::string publish(Stamp stamp) const override { return object(stamp); }
};

// The JSON protocol of Centrifuge and Centrifugo.
class CentrifugeProtocol : public Protocol {
  public:
    using Protocol::Protocol;

    std::string path(const Connection&) const override {
        return options_.path.empty() ? "/connection/websocket" : options_.path;
    }

    bool opened(Connection& connection) override {
        append_frame(connection.out, R"({"id":1,"connect":{}})");
        return false;
    }

    bool setup(Connection& connection, std::string_view message) override {
        if (message.find("\"connect\"") == std::string_view::npos) {
            return message.find("\"subscribe\"") != std::string_view::npos;
        }
        if (!connection.subscriber) return true;
        append_frame(connection.out,
                     R"({"id":2,"subscribe":{"channel":")" + options_.channel + "\"}}");
        return false;
    }

    bool is_control(Connection& connection, std::string_view message) override {
        if (message != "{}" && message != "{}\n") return connection.publisher;  // answers to it
        append_frame(connection.out, "{}");
        return true;
    }

    std::string request(const Connection&, std::uint64_t now_ns) const override {
        return R"({"id":3,"rpc":{"method":"echo","data":)" + object({.sent_ns = now_ns}) + "}}";
    }

    std::string publish(Stamp stamp) const override {
        return "{\"id\":" + std::to_string(stamp.sequence + 10) + R"(,"publish":{"channel":")" +
               options_.channel + R"(","data":)" + object(stamp) + "}}";
    }
};

// Requests of HTTP/1.1 on connections that are kept; with --body they are POST.
class HttpProtocol : public Protocol {
  public:
    explicit HttpProtocol(const Options& options) : Protocol(options) {
        const auto target = options.path.empty() ? "/" : options.path;
        const auto line = " " + target + " HTTP/1.1\r\nHost: " + options.host + "\r\n";
        request_ = options.body.empty()
                       ? "GET" + line + "\r\n"
                       : "POST" + line + "Content-Type: application/json\r\nContent-Length: " +
                             std::to_string(options.body.size()) + "\r\n\r\n" + options.body;
    }

    bool upgrades() const override { return false; }
    void append(std::string& out, std::string_view message) const override { out += message; }
    bool parse(std::string_view bytes, Frame& frame) const override {
        return parse_response(bytes, frame);
    }
    std::string path(const Connection&) const override { return ""; }
    std::string request(const Connection&, std::uint64_t) const override { return request_; }
    std::string publish(Stamp) const override {
        throw std::invalid_argument("--proto http has --test echo only");
    }
    int answers(std::string_view message, std::uint64_t& wrong) const override {
        if (!message.starts_with("HTTP/1.1 200 ")) ++wrong;
        return 1;
    }

  private:
    std::string request_;
};

}  // namespace

std::unique_ptr<Protocol> make_protocol(const Options& options) {
    if (options.protocol == "jac") return std::make_unique<JacProtocol>(options);
    if (options.protocol == "plain") return std::make_unique<PlainProtocol>(options);
    if (options.protocol == "centrifuge") return std::make_unique<CentrifugeProtocol>(options);
    if (options.protocol == "http") return std::make_unique<HttpProtocol>(options);
    throw std::invalid_argument("unknown --proto " + options.protocol);
}

}  // namespace jac::cloud::bench
