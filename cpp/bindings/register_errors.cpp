#include <exception>
#include <utility>

#include "base/error.hpp"
#include "bindings/register.hpp"

namespace py = pybind11;

namespace jac::cloud {

namespace {

// Leaked on purpose: the translator may run as long as the interpreter does.
struct ErrorTypes {
    py::object cloud;
    py::object config;
    py::object listen;
};

py::object make_type(const char* name, const char* doc, py::handle base) {
    auto type = py::reinterpret_steal<py::object>(
        PyErr_NewExceptionWithDoc(name, doc, base.ptr(), nullptr));
    if (!type) throw py::error_already_set();
    return type;
}

}  // namespace

void register_errors(py::module_& module) {
    static auto* const types = new ErrorTypes;
    types->cloud = make_type("jac_cloud.errors.CloudError",
                             "Whatever goes wrong in jac_cloud itself: the root of its errors.",
                             PyExc_Exception);
    types->config =
        make_type("jac_cloud.errors.ConfigError",
                  "A setting with a value that is not allowed; `field` names it.", types->cloud);
    types->listen =
        make_type("jac_cloud.errors.ListenError",
                  "The server cannot listen or start; the text names the address.", types->cloud);
    module.attr("CloudError") = types->cloud;
    module.attr("ConfigError") = types->config;
    module.attr("ListenError") = types->listen;

    py::register_exception_translator([](std::exception_ptr thrown) {
        try {
            std::rethrow_exception(std::move(thrown));
        } catch (const ConfigError& error) {
            py::object raised = types->config(error.what());
            raised.attr("field") = error.field();
            PyErr_SetObject(types->config.ptr(), raised.ptr());
        } catch (const ListenError& error) {
            PyErr_SetString(types->listen.ptr(), error.what());
        }
    });
}

}  // namespace jac::cloud
