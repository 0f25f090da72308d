#include "server/request_id.hpp"

#include <algorithm>
#include <string_view>

#include "base/ids.hpp"
#include "server/http_exchange.hpp"

namespace jac::cloud {

namespace {

constexpr std::size_t longest = 64;

// Not std::isalnum, which asks the locale.
constexpr bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_well_formed(std::string_view id) {
    return !id.empty() && id.size() <= longest && is_alphanumeric(id.front()) &&
           std::ranges::all_of(
               id, [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace

std::string request_id(const HttpRequest* request) {
    std::string_view given;
    int times = 0;
    if (request != nullptr) {
        for (const auto& [name, value] : request->fields) {
            if (name != "x-request-id") continue;
            given = value;
            ++times;
        }
    }
    return times == 1 && is_well_formed(given) ? std::string(given) : random_hex();
}

}  // namespace jac::cloud
