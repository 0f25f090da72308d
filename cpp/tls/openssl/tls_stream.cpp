#include "tls/tls_stream.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include "tls/openssl/native.hpp"

namespace jac::cloud {

namespace {

using Outcome = Transfer::Outcome;

constexpr std::size_t batch_bytes = std::size_t{32} << 10;
constexpr std::size_t record_bytes = SSL3_RT_MAX_PLAIN_LENGTH;
static_assert(TlsStream::least_read == batch_bytes + record_bytes,
              "what is received at once, and the record that was half there");

bool is_blocked() {
    return errno == EAGAIN || errno == EINTR;
}

}  // namespace

// How OpenSSL reaches the socket: by send() without a signal, and batched reading.
struct SocketBio {
    using Native = TlsStream::Native;

    static Native& native_of(BIO* bio) { return *static_cast<Native*>(BIO_get_data(bio)); }

    static int read(BIO* bio, char* into, int size) {
        Native& native = native_of(bio);
        BIO_clear_retry_flags(bio);
        if (native.batched) {
            const auto count = std::min(native.received.size(), static_cast<std::size_t>(size));
            if (count == 0) {
                BIO_set_retry_read(bio);
                return -1;
            }
            std::memcpy(into, native.received.data(), count);
            native.received = native.received.subspan(count);
            return static_cast<int>(count);
        }
        const auto count = ::recv(native.descriptor, into, static_cast<std::size_t>(size), 0);
        if (count < 0 && is_blocked()) BIO_set_retry_read(bio);
        return static_cast<int>(count);
    }

    static int write(BIO* bio, const char* bytes, int size) {
        BIO_clear_retry_flags(bio);
        const auto count =
            ::send(native_of(bio).descriptor, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
        if (count < 0 && is_blocked()) BIO_set_retry_write(bio);
        return static_cast<int>(count);
    }

    static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH; }

    static const BIO_METHOD* method() {
        // Never freed: connections may outlive whatever order statics end in.
        static BIO_METHOD* const made = [] {
            BIO_METHOD* const fresh =
                BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "jac_cloud socket");
            if (fresh == nullptr) throw std::bad_alloc();
            BIO_meth_set_read(fresh, read);
            BIO_meth_set_write(fresh, write);
            BIO_meth_set_ctrl(fresh, control);
            return fresh;
        }();
        return made;
    }
};

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int descriptor)
    : context_(std::move(context)),
      native_(
          new Native{Owned<SSL, SSL_free>(SSL_new(context_->native().context.get())), descriptor}) {
    BIO* const bio = BIO_new(SocketBio::method());
    if (!native_->ssl || bio == nullptr) {
        BIO_free(bio);
        throw std::bad_alloc();
    }
    BIO_set_data(bio, native_.get());
    BIO_set_init(bio, 1);
    SSL_set_bio(native_->ssl.get(), bio, bio);
}

TlsStream::~TlsStream() = default;

TlsStream::Step TlsStream::handshake() {
    ERR_clear_error();
    const int returned = SSL_accept(native_->ssl.get());
    if (returned == 1) {
        native_->batched = true;
        return Step::done;
    }
    switch (SSL_get_error(native_->ssl.get(), returned)) {
        case SSL_ERROR_WANT_READ:
            return Step::wants_read;
        case SSL_ERROR_WANT_WRITE:
            return Step::wants_write;
        default:
            native_->broken = true;
            problem_ = openssl_problem();
            return Step::failed;
    }
}

bool TlsStream::resumed() const {
    return SSL_session_reused(native_->ssl.get()) == 1;
}

Transfer TlsStream::read(std::span<char> into) {
    thread_local std::array<char, batch_bytes> batch;
    const auto received = ::recv(native_->descriptor, batch.data(), batch.size(), 0);
    if (received < 0 && is_blocked()) return {};
    // Without close_notify it is unknown whether that was all (RFC 8446 section 6.1).
    if (received <= 0) {
        native_->broken = true;
        return {0, Outcome::failed};
    }
    native_->received = {batch.data(), static_cast<std::size_t>(received)};
    ERR_clear_error();
    Transfer done;
    done.more = native_->received.size() == batch.size();
    while (true) {
        std::size_t count = 0;
        const auto room = into.subspan(done.bytes);
        const int returned = SSL_read_ex(native_->ssl.get(), room.data(), room.size(), &count);
        if (returned == 1) {
            done.bytes += count;
            continue;
        }
        const int error = SSL_get_error(native_->ssl.get(), returned);
        if (error == SSL_ERROR_ZERO_RETURN) {
            done.outcome = Outcome::ended;
        } else if (!native_->received.empty() || error != SSL_ERROR_WANT_READ) {
            // Whatever it waits for before it reads the rest, a peer that needs it is no client.
            native_->broken = true;
            done.outcome = Outcome::failed;
        }
        native_->received = {};
        return done;
    }
}

Transfer TlsStream::write(std::span<const std::string_view> views) {
    thread_local std::array<char, record_bytes> together;
    auto record = views.front().substr(0, record_bytes);
    if (record.size() < record_bytes && views.size() > 1) {
        std::size_t size = 0;
        for (const auto view : views) {
            const auto piece = view.substr(0, record_bytes - size);
            std::memcpy(together.data() + size, piece.data(), piece.size());
            size += piece.size();
            if (size == record_bytes) break;
        }
        record = {together.data(), size};
    }
    ERR_clear_error();
    std::size_t count = 0;
    const int returned = SSL_write_ex(native_->ssl.get(), record.data(), record.size(), &count);
    native_->half_sent = false;
    if (returned == 1) return {count, Outcome::open};
    if (SSL_get_error(native_->ssl.get(), returned) == SSL_ERROR_WANT_WRITE) {
        native_->half_sent = true;
        return {};
    }
    native_->broken = true;
    return {0, Outcome::failed};
}

void TlsStream::close_notify() {
    if (native_->broken || native_->half_sent) return;
    ERR_clear_error();
    // Its answer is not waited for: the socket's own end tells as much.
    SSL_shutdown(native_->ssl.get());
    ERR_clear_error();
}

}  // namespace jac::cloud
