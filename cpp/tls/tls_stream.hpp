#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "tls/tls_context.hpp"
#include "tls/transfer.hpp"

namespace jac::cloud {

// The server's side of TLS on one connected, non-blocking socket, which stays the caller's. Holds
// no bytes that the caller should know of: at most one record half received and one half sent. One
// thread's own.
class TlsStream {
  public:
    // What read() needs room for.
    static constexpr std::size_t least_read = std::size_t{48} << 10;

    // Throws std::bad_alloc.
    TlsStream(std::shared_ptr<const TlsContext> context, int descriptor);
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;
    ~TlsStream();

    enum class Step : std::uint8_t { done, wants_read, wants_write, failed };
    // Goes on with the handshake; to be called again when the socket has what it wants. After
    // `failed` the connection is of no further use.
    Step handshake();
    // After the handshake: whether it took up an earlier session.
    bool resumed() const;
    // After `failed`: why, in OpenSSL's words, for the log.
    const std::string& problem() const noexcept { return problem_; }

    // After the handshake. Receives once, and gives all that was whole of it.
    Transfer read(std::span<char> into);
    // Sends one record of up to 16 KiB, of the first views together. What was given and not taken
    // must come first the next time, with no less behind it.
    Transfer write(std::span<const std::string_view> views);
    // Says that nothing more comes, if the socket takes that at once and nothing is half sent.
    void close_notify();

  private:
    struct Native;  // OpenSSL's

    friend struct SocketBio;

    const std::shared_ptr<const TlsContext> context_;
    const std::unique_ptr<Native> native_;
    std::string problem_;
};

}  // namespace jac::cloud
