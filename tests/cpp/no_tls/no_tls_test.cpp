// What stands for TLS where the build found no OpenSSL.
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "tls/tls_context.hpp"

namespace jac::cloud {
namespace {

TEST(WithoutTls, ACertificateIsRefusedWithWhatToInstall) {
    try {
        TlsContext::load("cert.pem", "key.pem");
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_EQ(error.field(), "tls_cert");
        const std::string said = error.what();
        EXPECT_NE(said.find("built without TLS"), std::string::npos);
        EXPECT_NE(said.find("libssl-dev"), std::string::npos);
        EXPECT_EQ(said.find('\n'), std::string::npos);
    }
}

}  // namespace
}  // namespace jac::cloud
