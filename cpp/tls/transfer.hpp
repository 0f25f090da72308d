#pragma once

#include <cstddef>
#include <cstdint>

namespace jac::cloud {

// What came of one read or write of a non-blocking connection: so many bytes, and behind them how
// it stands.
struct Transfer {
    enum class Outcome : std::uint8_t {
        open,    // it goes on; without a byte: not now, wait for the socket
        ended,   // the peer has said that nothing more comes
        failed,  // it is of no further use
    };

    std::size_t bytes = 0;
    Outcome outcome = Outcome::open;
    bool more = false;  // of a read: it took all it had room for, and more may be there already

    bool blocked() const noexcept { return bytes == 0 && outcome == Outcome::open; }
};

}  // namespace jac::cloud
