// What there is of TLS where the build found no OpenSSL.
#include <stdexcept>

#include "base/error.hpp"
#include "tls/tls_context.hpp"
#include "tls/tls_stream.hpp"

namespace jac::cloud {

struct TlsContext::Native {};
struct TlsStream::Native {};

namespace {

// No context is ever loaded, so no stream is ever made.
[[noreturn]] void refuse() {
    throw std::logic_error("built without TLS");
}

}  // namespace

std::shared_ptr<const TlsContext> TlsContext::load(const std::string&, const std::string&) {
    throw ConfigError("tls_cert",
                      "this was built without TLS: install OpenSSL's headers (Debian and Ubuntu: "
                      "libssl-dev; Fedora: openssl-devel; Alpine: openssl-dev and "
                      "openssl-libs-static), then build jac-cloud-native again");
}

TlsContext::TlsContext(std::unique_ptr<const Native> native, std::int64_t expires_at)
    : native_(std::move(native)), expires_at_(expires_at) {}
TlsContext::~TlsContext() = default;

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int)
    : context_(std::move(context)), native_() {
    refuse();
}
TlsStream::~TlsStream() = default;

TlsStream::Step TlsStream::handshake() {
    refuse();
}
bool TlsStream::resumed() const {
    refuse();
}
Transfer TlsStream::read(std::span<char>) {
    refuse();
}
Transfer TlsStream::write(std::span<const std::string_view>) {
    refuse();
}
void TlsStream::close_notify() {}

}  // namespace jac::cloud
