#pragma once

#include <pybind11/pybind11.h>

namespace jac::cloud {

// One for each subject; module.cpp calls them in this order.
void register_errors(pybind11::module_& module);
void register_counters(pybind11::module_& module);
void register_unit(pybind11::module_& module);
void register_manager(pybind11::module_& module);
void register_http(pybind11::module_& module);
void register_server(pybind11::module_& module);

}  // namespace jac::cloud
