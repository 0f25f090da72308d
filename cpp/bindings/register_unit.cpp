#include <memory>

#include "bindings/gil.hpp"
#include "bindings/manager.hpp"
#include "bindings/register.hpp"
#include "bindings/unit.hpp"

namespace py = pybind11;

namespace jac::cloud {

void register_unit(py::module_& module) {
    py::class_<Unit, std::shared_ptr<Unit>>(module, "Unit")
        .def(py::init<>())
        // Safe without the GIL: a unit holds C++ values only.
        .def("commit", &Unit::commit, py::call_guard<GilRelease>())
        .def("discard", &Unit::discard, py::call_guard<GilRelease>());
    module.attr("CURRENT_UNIT") = current_unit_variable();
}

}  // namespace jac::cloud
