#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace jac::cloud {

// A certificate with its key, and how TLS is spoken: 1.2 or later, AEAD ciphers with forward
// secrecy, http/1.1 by ALPN (RFC 7301), sessions resumed by tickets, neither renegotiation nor
// compression nor early data. Immutable; any thread.
class TlsContext {
  public:
    // Reads PEM files: the certificate with those of its issuers behind it, and its key, which with
    // an empty `key_path` is in the first file. Throws ConfigError, naming tls_cert or tls_key and
    // the file: one that cannot be read or holds none, a key that is encrypted or belongs to
    // another certificate, a certificate that has expired or is not valid yet; and always where
    // this was built without OpenSSL.
    static std::shared_ptr<const TlsContext> load(const std::string& cert_path,
                                                  const std::string& key_path);

    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;
    ~TlsContext();

    // Unix seconds: when the first certificate of the chain expires.
    std::int64_t expires_at() const noexcept { return expires_at_; }

    struct Native;  // OpenSSL's
    const Native& native() const noexcept { return *native_; }

  private:
    TlsContext(std::unique_ptr<const Native> native, std::int64_t expires_at);

    std::unique_ptr<const Native> native_;
    std::int64_t expires_at_;
};

// What new connections are given, which reload() renews. Thread-safe.
class TlsCredentials {
  public:
    // Throws as TlsContext::load does.
    TlsCredentials(std::string cert_path, std::string key_path)
        : cert_path_(std::move(cert_path)),
          key_path_(std::move(key_path)),
          current_(TlsContext::load(cert_path_, key_path_)) {}

    std::shared_ptr<const TlsContext> current() const {
        const std::lock_guard lock(mutex_);
        return current_;
    }

    // Reads the files again; connections that are there keep what they have. Throws as
    // TlsContext::load does, and then changes nothing. Reads files: not for an I/O thread.
    void reload() {
        auto fresh = TlsContext::load(cert_path_, key_path_);
        const std::lock_guard lock(mutex_);
        current_.swap(fresh);
    }

  private:
    const std::string cert_path_;
    const std::string key_path_;
    mutable std::mutex mutex_;
    std::shared_ptr<const TlsContext> current_;
};

}  // namespace jac::cloud
