#pragma once

#include <string>

namespace jac::cloud {

struct HttpRequest;

// What names a request in the log and in its answer (X-Request-ID): what the client named it where
// that is 1 to 64 letters, digits, '.', '_' and '-' and begins with a letter or digit, else 32
// random hex digits. nullptr for a request that could not be read.
std::string request_id(const HttpRequest* request);

}  // namespace jac::cloud
