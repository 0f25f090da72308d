#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "connection.hpp"
#include "options.hpp"
#include "wire.hpp"

namespace jac::cloud::bench {

// How a server under test is spoken to.
class Protocol {
  public:
    explicit Protocol(const Options& options) : options_(options) {}
    virtual ~Protocol() = default;
    Protocol(const Protocol&) = delete;
    Protocol& operator=(const Protocol&) = delete;

    // Whether connections begin with an upgrade request; else they are ready at once.
    virtual bool upgrades() const { return true; }
    // Appends a message as it goes over the wire.
    virtual void append(std::string& out, std::string_view message) const {
        append_frame(out, message);
    }
    // Reads the first message of bytes; false when it has not wholly arrived.
    virtual bool parse(std::string_view bytes, Frame& frame) const {
        return parse_frame(bytes, frame);
    }
    // Target of the upgrade request.
    virtual std::string path(const Connection& connection) const = 0;
    // After the upgrade; true when no message need come first. It may append frames to be sent.
    virtual bool opened(Connection&) { return true; }
    // A message before the connection is ready; true when it is ready now.
    virtual bool setup(Connection&, std::string_view) { return true; }
    // One echo request, walker call or the text of a ping.
    virtual std::string request(const Connection& connection, std::uint64_t now_ns) const = 0;
    // One message to all subscribers.
    virtual std::string publish(Stamp stamp) const = 0;
    // As many as the options say at once, numbered from the first.
    virtual std::string publish_batch(Stamp first) const { return publish(first); }
    // Whether this message to a publisher says that something was not published.
    virtual bool refuses(std::string_view) const { return false; }
    // True for a message that carries no data, such as a ping of the application's own.
    virtual bool is_control(Connection&, std::string_view) { return false; }
    // How many requests this message answers; raises wrong when it answers none, or badly.
    virtual int answers(std::string_view message, std::uint64_t& wrong) const;

  protected:
    std::string object(Stamp stamp) const { return stamped_object(stamp, options_.payload_bytes); }

    const Options& options_;
};

// Throws std::invalid_argument for a name that is not known. The options must outlive it.
std::unique_ptr<Protocol> make_protocol(const Options& options);

}  // namespace jac::cloud::bench
