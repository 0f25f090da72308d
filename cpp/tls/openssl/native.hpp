#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>

#include "tls/tls_context.hpp"
#include "tls/tls_stream.hpp"

namespace jac::cloud {

template <auto Free>
struct FreeBy {
    template <class Object>
    void operator()(Object* object) const noexcept {
        Free(object);
    }
};
template <class Object, auto Free>
using Owned = std::unique_ptr<Object, FreeBy<Free>>;

struct TlsContext::Native {
    Owned<SSL_CTX, SSL_CTX_free> context;
};

struct TlsStream::Native {
    Owned<SSL, SSL_free> ssl;
    int descriptor;
    // After the handshake OpenSSL is given what was received in one call, and reads no further.
    bool batched = false;
    std::span<const char> received{};
    bool half_sent = false;  // a record
    bool broken = false;
};

// What OpenSSL says of the last thing that went wrong on this thread. Clears it.
std::string openssl_problem();

}  // namespace jac::cloud
