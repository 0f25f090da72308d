#pragma once

#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

namespace jac::cloud::test {

// A key and a certificate of it, made for a test.
struct Pair {
    std::shared_ptr<EVP_PKEY> key;
    std::shared_ptr<X509> certificate;

    std::string cert_pem() const {
        return pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate.get()); });
    }
    std::string key_pem(const std::string& passphrase = "") const {
        return pem([&](BIO* out) {
            return PEM_write_bio_PKCS8PrivateKey(
                out, key.get(), passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
                passphrase.empty() ? nullptr : passphrase.c_str(),
                static_cast<int>(passphrase.size()), nullptr, nullptr);
        });
    }

  private:
    template <class Write>
    static std::string pem(Write write) {
        const std::unique_ptr<BIO, int (*)(BIO*)> out(BIO_new(BIO_s_mem()), BIO_free);
        if (write(out.get()) != 1) throw std::runtime_error("PEM could not be written");
        char* text = nullptr;
        const auto size = BIO_get_mem_data(out.get(), &text);
        return {text, static_cast<std::size_t>(size)};
    }
};

struct CertificateOptions {
    std::string name = "localhost";
    const Pair* issuer = nullptr;  // nullptr: itself
    bool authority = false;
    long begins = -3600;  // seconds from now
    long ends = 3600;
};

// Of P-256.
inline Pair make_certificate(const CertificateOptions& options = {}) {
    Pair made{{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free},
              {X509_new(), X509_free}};
    X509* const certificate = made.certificate.get();
    X509_set_version(certificate, X509_VERSION_3);
    std::uint32_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);  // NOLINT: its interface
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), options.begins);
    X509_gmtime_adj(X509_getm_notAfter(certificate), options.ends);
    X509_set_pubkey(certificate, made.key.get());
    const std::string name = options.name;
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               // NOLINTNEXTLINE: its interface
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    const Pair& issuer = options.issuer == nullptr ? made : *options.issuer;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer.certificate.get()));
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer.certificate.get(), certificate, nullptr, nullptr, 0);
    const auto extend = [&](int id, const std::string& value) {
        X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    };
    extend(NID_subject_alt_name, "DNS:" + name + ",IP:127.0.0.1");
    if (options.authority) extend(NID_basic_constraints, "critical,CA:TRUE");
    if (X509_sign(certificate, issuer.key.get(), EVP_sha256()) == 0) {
        throw std::runtime_error("the certificate could not be signed");
    }
    return made;
}

// A folder of a test's own.
class Folder {
  public:
    Folder() {
        std::string name = std::filesystem::temp_directory_path() / "jac_cloud_XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder: " + name);
        path_ = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path_); }

    // Writes a file and returns its path.
    std::string put(const std::string& name, const std::string& text) const {
        std::ofstream(path_ / name) << text;
        return path_ / name;
    }
    std::string path(const std::string& name) const { return path_ / name; }

  private:
    std::filesystem::path path_;
};

}  // namespace jac::cloud::test
