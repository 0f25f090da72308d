// What is said of a certificate and a key that cannot be used: one line, with the setting and file.
#include "tls/tls_context.hpp"

#include <gtest/gtest.h>

#include <ctime>

#include "base/error.hpp"
#include "tls/certificates.hpp"

namespace jac::cloud::test {
namespace {

testing::AssertionResult has(const std::string& text, std::string_view part) {
    if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << '"' << text << "\" without \"" << part << '"';
}

class TlsFiles : public testing::Test {
  protected:
    // What is thrown; empty: nothing.
    static std::string problem(const std::string& cert, const std::string& key = "") {
        try {
            TlsContext::load(cert, key);
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "";
    }

    Folder folder;
    Pair pair = make_certificate();
    std::string cert = folder.put("cert.pem", pair.cert_pem());
    std::string key = folder.put("key.pem", pair.key_pem());
};

TEST_F(TlsFiles, AreTakenTogetherOrInOneFile) {
    EXPECT_EQ(problem(cert, key), "");
    EXPECT_EQ(problem(folder.put("both.pem", pair.key_pem() + pair.cert_pem())), "");
    EXPECT_EQ(problem(cert), "tls_key: " + cert + ": there is no private key in PEM");
}

TEST_F(TlsFiles, TellWhenTheCertificateExpires) {
    const auto expires = TlsContext::load(cert, key)->expires_at();
    EXPECT_NEAR(static_cast<double>(expires), static_cast<double>(std::time(nullptr) + 3600), 60);
}

TEST_F(TlsFiles, ThatCannotBeReadAreNamed) {
    const auto absent = folder.path("absent.pem");
    EXPECT_EQ(problem(absent, key), "tls_cert: " + absent + ": No such file or directory");
    EXPECT_EQ(problem(cert, absent), "tls_key: " + absent + ": No such file or directory");
    EXPECT_EQ(problem(folder.path("."), key), "tls_cert: " + folder.path(".") + ": Is a directory");
}

TEST_F(TlsFiles, OfAnotherKindAreNamed) {
    const auto other = folder.put("other.pem", "hello\n");
    EXPECT_EQ(problem(other, key), "tls_cert: " + other + ": there is no certificate in PEM");
    EXPECT_EQ(problem(cert, other), "tls_key: " + other + ": there is no private key in PEM");
    auto cut = pair.cert_pem();
    cut.erase(cut.size() / 2, 64);
    const auto broken = folder.put("cut.pem", cut);
    EXPECT_TRUE(has(problem(broken, key), "tls_cert: " + broken + ": "));
}

TEST_F(TlsFiles, WithAnEncryptedKeyAreRefusedWithoutAsking) {
    const auto encrypted = folder.put("encrypted.pem", pair.key_pem("open sesame"));
    const auto said = problem(cert, encrypted);
    EXPECT_TRUE(has(said, "tls_key: " + encrypted + ": the key is encrypted"));
    EXPECT_EQ(said.find('\n'), std::string::npos);
}

TEST_F(TlsFiles, ThatDoNotBelongTogetherAreNamed) {
    const auto other = folder.put("other.pem", make_certificate().key_pem());
    EXPECT_EQ(problem(cert, other),
              "tls_key: " + other + ": the key does not fit the certificate " + cert);
}

TEST_F(TlsFiles, MayHoldTheIssuersBehindTheCertificateAndNotBefore) {
    const auto authority = make_certificate({.name = "an authority", .authority = true});
    const auto ours = make_certificate({.issuer = &authority});
    const auto our_key = folder.put("our_key.pem", ours.key_pem());
    EXPECT_EQ(problem(folder.put("chain.pem", ours.cert_pem() + authority.cert_pem()), our_key),
              "");
    const auto wrong = folder.put("wrong.pem", authority.cert_pem() + ours.cert_pem());
    EXPECT_TRUE(has(problem(wrong, our_key), "has to be the first one"));
}

TEST_F(TlsFiles, OutOfTheirTimeAreRefusedWithTheDate) {
    const auto load = [&](long begins, long ends) {
        const auto made = make_certificate({.begins = begins, .ends = ends});
        return problem(folder.put("both.pem", made.cert_pem() + made.key_pem()));
    };
    EXPECT_TRUE(has(load(-7200, -3600), "the certificate has expired at 20"));
    EXPECT_TRUE(has(load(3600, 7200), "the certificate is not valid before 20"));
}

TEST_F(TlsFiles, ThatAreRenewedAreReadAgainAndBrokenOnesAreNot) {
    TlsCredentials credentials(cert, key);
    const auto first = credentials.current();
    folder.put("key.pem", make_certificate().key_pem());
    EXPECT_THROW(credentials.reload(), ConfigError);
    EXPECT_EQ(credentials.current(), first);
    const auto fresh = make_certificate();
    folder.put("cert.pem", fresh.cert_pem());
    folder.put("key.pem", fresh.key_pem());
    credentials.reload();
    EXPECT_NE(credentials.current(), first);
}

}  // namespace
}  // namespace jac::cloud::test
