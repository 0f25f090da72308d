#include "tls/tls_context.hpp"

#include <fmt/chrono.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <system_error>
#include <vector>

#include "base/error.hpp"
#include "tls/openssl/native.hpp"

namespace jac::cloud {

namespace {

using Certificate = Owned<X509, X509_free>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Bytes = Owned<BIO, BIO_free>;

std::string read_file(const char* field, const std::string& path) {
    const auto refuse = [&] {
        throw ConfigError(field,
                          fmt::format("{}: {}", path, std::generic_category().message(errno)));
    };
    const std::unique_ptr<std::FILE, FreeBy<std::fclose>> file(std::fopen(path.c_str(), "re"));
    if (!file) refuse();
    std::string text;
    std::array<char, 8192> piece{};
    while (const auto count = std::fread(piece.data(), 1, piece.size(), file.get())) {
        text.append(piece.data(), count);
    }
    if (std::ferror(file.get()) != 0) refuse();
    return text;
}

Bytes bytes_of(const std::string& text) {
    return Bytes(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<Certificate> read_chain(const std::string& path, const std::string& text) {
    const auto bytes = bytes_of(text);
    std::vector<Certificate> chain;
    while (auto* const next = PEM_read_bio_X509(bytes.get(), nullptr, nullptr, nullptr)) {
        chain.emplace_back(next);
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const auto problem = openssl_problem();
    if (!at_end) throw ConfigError("tls_cert", fmt::format("{}: {}", path, problem));
    if (chain.empty()) {
        throw ConfigError("tls_cert", fmt::format("{}: there is no certificate in PEM", path));
    }
    return chain;
}

Key read_key(const std::string& path, const std::string& text) {
    bool encrypted = false;
    const auto ask = [](char*, int, int, void* asked) {
        *static_cast<bool*>(asked) = true;
        return -1;
    };
    Key key(PEM_read_bio_PrivateKey(bytes_of(text).get(), nullptr, ask, &encrypted));
    const auto problem = openssl_problem();
    if (encrypted) {
        throw ConfigError("tls_key",
                          fmt::format("{}: the key is encrypted, and nobody is there to be asked "
                                      "for its passphrase: openssl pkey -in FILE -out PLAIN",
                                      path));
    }
    if (!key) {
        const bool none = text.find("PRIVATE KEY-----") == std::string::npos;
        throw ConfigError(
            "tls_key",
            fmt::format("{}: {}", path, none ? "there is no private key in PEM" : problem.c_str()));
    }
    return key;
}

void check_pair(const std::string& cert_path, const std::string& key_path,
                const std::vector<Certificate>& chain, const Key& key) {
    const auto fits = [&](const Certificate& certificate) {
        return X509_check_private_key(certificate.get(), key.get()) == 1;
    };
    if (fits(chain.front())) return;
    bool later = false;
    for (const auto& certificate : chain) later = later || fits(certificate);
    ERR_clear_error();
    if (later) {
        throw ConfigError("tls_cert",
                          fmt::format("{}: the certificate of the key has to be the first one, "
                                      "those of its issuers behind it",
                                      cert_path));
    }
    throw ConfigError(
        "tls_key", fmt::format("{}: the key does not fit the certificate {}", key_path, cert_path));
}

std::time_t seconds_of(const ASN1_TIME* time) {
    std::tm utc{};
    ASN1_TIME_to_tm(time, &utc);
    return timegm(&utc);
}

std::int64_t check_validity(const std::string& path, const Certificate& certificate) {
    const auto now = std::time(nullptr);
    const auto begins = seconds_of(X509_get0_notBefore(certificate.get()));
    const auto ends = seconds_of(X509_get0_notAfter(certificate.get()));
    const auto refuse = [&](const char* what, std::time_t when) {
        std::tm utc{};
        gmtime_r(&when, &utc);
        throw ConfigError("tls_cert", fmt::format("{}: the certificate {} {:%Y-%m-%d %H:%M:%S} UTC",
                                                  path, what, utc));
    };
    if (now < begins) refuse("is not valid before", begins);
    if (now > ends) refuse("has expired at", ends);
    return ends;
}

// RFC 7301 section 3.2: who offers protocols and not this one is told so.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* length,
                    const unsigned char* offered, unsigned int offered_length, void*) {
    static constexpr std::array<unsigned char, 9> ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, length, ours.data(), ours.size(), offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

// RFC 9325 (BCP 195): 1.2 and later, ciphers with forward secrecy and authenticated encryption.
void set_up(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_security_level(context, 2);  // keys of RSA from 2,048 bits on
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    // Outboxes move what waits in them; an idle connection holds no buffer.
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    // Sessions are resumed by tickets, which cost no memory; their key is this context's own.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
}

void use(SSL_CTX* context, const std::string& cert_path, const std::vector<Certificate>& chain,
         const Key& key) {
    const auto check = [&](bool done) {
        if (!done) {
            throw ConfigError("tls_cert", fmt::format("{}: {}", cert_path, openssl_problem()));
        }
    };
    check(SSL_CTX_use_certificate(context, chain.front().get()) == 1);
    for (auto issuer = chain.begin() + 1; issuer != chain.end(); ++issuer) {
        check(SSL_CTX_add1_chain_cert(context, issuer->get()) == 1);
    }
    check(SSL_CTX_use_PrivateKey(context, key.get()) == 1);
}

}  // namespace

std::string openssl_problem() {
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason == nullptr ? "the connection broke off" : reason;
}

std::shared_ptr<const TlsContext> TlsContext::load(const std::string& cert_path,
                                                   const std::string& key_path) {
    // The wheel's own OpenSSL goes by this file alone, whatever the machine's is configured to do,
    // and is not taken down while daemon threads of Python may still run.
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr);
    ERR_clear_error();
    const auto cert_text = read_file("tls_cert", cert_path);
    const auto chain = read_chain(cert_path, cert_text);
    const auto& key_file = key_path.empty() ? cert_path : key_path;
    const auto key =
        read_key(key_file, key_path.empty() ? cert_text : read_file("tls_key", key_path));
    check_pair(cert_path, key_file, chain, key);
    const auto expires_at = check_validity(cert_path, chain.front());

    auto native = std::make_unique<Native>();
    native->context.reset(SSL_CTX_new(TLS_server_method()));
    if (!native->context) throw std::bad_alloc();
    set_up(native->context.get());
    use(native->context.get(), cert_path, chain, key);
    return std::shared_ptr<const TlsContext>(new TlsContext(std::move(native), expires_at));
}

TlsContext::TlsContext(std::unique_ptr<const Native> native, std::int64_t expires_at)
    : native_(std::move(native)), expires_at_(expires_at) {}

TlsContext::~TlsContext() = default;

}  // namespace jac::cloud
