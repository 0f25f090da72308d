#pragma once

#include <pybind11/pybind11.h>

#include "server/server.hpp"

namespace jac::cloud {

// Server.http_fd: opens the way for requests, which are refused until somebody asks for it.
int http_fd(Server& server);

// Server.take_http().
pybind11::list take_http(Server& server);

}  // namespace jac::cloud
