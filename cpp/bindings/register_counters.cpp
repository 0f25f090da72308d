#include <pybind11/stl.h>

#include <memory>

#include "base/counters.hpp"
#include "bindings/register.hpp"

namespace py = pybind11;

namespace jac::cloud {

// They keep the GIL: each call is a few instructions and waits for nothing.
void register_counters(py::module_& module) {
    py::class_<SharedCounter>(module, "Counter")
        .def(py::init<>())
        .def("add", &SharedCounter::add, py::arg("count") = 1)
        .def_property_readonly("value", &SharedCounter::value);
    py::class_<Histogram>(module, "Histogram")
        .def(py::init<std::vector<double>>(), py::arg("bounds"))
        .def("observe", &Histogram::observe, py::arg("figure"))
        .def_property_readonly("bounds", &Histogram::bounds)
        .def_property_readonly("counts", &Histogram::counts)
        .def_property_readonly("sum", &Histogram::sum);
}

}  // namespace jac::cloud
