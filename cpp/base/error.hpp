#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

namespace jac::cloud {

// What can go wrong in the server itself, as opposed to what a client did (reply_error.hpp) or
// why a connection ends (close_code.hpp).
enum class Errc {
    address_in_use = 1,
    address_unavailable,
    permission_denied,
    not_an_address,
    not_a_listening_socket,
    already_started,
    already_running,
    forked_child,
};

const std::error_category& cloud_category() noexcept;

inline std::error_code make_error_code(Errc code) noexcept {
    return {static_cast<int>(code), cloud_category()};
}

// A setting with a value that is not allowed. what() is one line for an operator:
// "outbox_bytes: 12 is not allowed, 4096 to 1073741824 bytes".
class ConfigError : public std::runtime_error {
  public:
    ConfigError(std::string field, const std::string& problem)
        : std::runtime_error(field + ": " + problem), field_(std::move(field)) {}

    const std::string& field() const noexcept { return field_; }

  private:
    std::string field_;
};

// The server cannot listen, or cannot start. what() names the address.
class ListenError : public std::system_error {
  public:
    ListenError(Errc code, const std::string& address)
        : std::system_error(make_error_code(code), address) {}
};

}  // namespace jac::cloud

template <>
struct std::is_error_code_enum<jac::cloud::Errc> : std::true_type {};
