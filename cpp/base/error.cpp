#include "base/error.hpp"

namespace jac::cloud {

namespace {

class CloudCategory final : public std::error_category {
  public:
    const char* name() const noexcept override { return "jac_cloud"; }

    std::string message(int value) const override {
        switch (static_cast<Errc>(value)) {
            case Errc::address_in_use:
                return "the address is already in use";
            case Errc::address_unavailable:
                return "this machine does not have the address";
            case Errc::permission_denied:
                return "permission denied (ports below 1024 need privileges)";
            case Errc::not_an_address:
                return "not an IP address or a host name that resolves to one";
            case Errc::not_a_listening_socket:
                return "what was passed is not a TCP socket that listens";
            case Errc::already_started:
                return "the server was started before; make a new one";
            case Errc::already_running:
                return "another server runs in this process";
            case Errc::forked_child:
                return "the server belongs to the parent process; start one in the child instead";
        }
        return "unknown error";
    }
};

}  // namespace

const std::error_category& cloud_category() noexcept {
    static const CloudCategory category;
    return category;
}

}  // namespace jac::cloud
