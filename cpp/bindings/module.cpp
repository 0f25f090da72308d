#include "bindings/register.hpp"

PYBIND11_MODULE(_native, module, pybind11::multiple_interpreters::not_supported()) {
    module.doc() = "The native server, its hub and WEBSOCKET_MANAGER.";
    jac::cloud::register_errors(module);
    jac::cloud::register_counters(module);
    jac::cloud::register_unit(module);
    jac::cloud::register_manager(module);
    jac::cloud::register_http(module);
    jac::cloud::register_server(module);
}
