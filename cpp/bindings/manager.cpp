#include "bindings/manager.hpp"
#include "bindings/gil.hpp"

#include <string>
#include <vector>

#include "bindings/active_server.hpp"
#include "bindings/json_encoder.hpp"
#include "bindings/unit.hpp"

namespace py = pybind11;

namespace jac::cloud {

namespace {

// Leaked on purpose: static py::objects would be dropped after the interpreter has gone.
py::object& root_resolver() {
    static auto* const hook = new py::object(py::none());
    return *hook;
}

// Written and read under the GIL.
std::size_t max_bytes = JsonEncoder::unlimited;

std::shared_ptr<Unit> current_unit() {
    PyObject* found = nullptr;
    if (PyContextVar_Get(current_unit_variable().ptr(), nullptr, &found) < 0) {
        throw py::error_already_set();
    }
    const auto unit = py::reinterpret_steal<py::object>(found);
    if (!unit || unit.is_none()) return nullptr;
    return unit.cast<std::shared_ptr<Unit>>();
}

SharedMessage encode(const py::object& data) {
    if (!PyDict_Check(data.ptr())) {
        throw py::type_error(std::string("data: a dict is expected, not a ") +
                             Py_TYPE(data.ptr())->tp_name);
    }
    return std::make_shared<const Message>(JsonEncoder::encode(data, "data", max_bytes));
}

std::string target_name(TargetKind kind, py::handle target) {
    if (py::isinstance<py::str>(target)) return target.cast<std::string>();
    if (kind == TargetKind::user && !root_resolver().is_none()) {
        const py::object resolver = root_resolver();
        return resolver(target).cast<std::string>();
    }
    throw py::type_error(std::string("targets: an id is expected, not a ") +
                         Py_TYPE(target.ptr())->tp_name);
}

std::vector<std::string> target_names(TargetKind kind, const py::object& targets) {
    // One target may come without a list: a str is no list of letters, a node no list at all.
    if (py::isinstance<py::str>(targets) || !py::isinstance<py::iterable>(targets)) {
        return {target_name(kind, targets)};
    }
    std::vector<std::string> names;
    for (const py::handle target : py::iter(targets)) names.push_back(target_name(kind, target));
    return names;
}

std::size_t send_or_hold(const Unit::Notification& notification, bool after_commit,
                         const std::shared_ptr<Unit>& unit) {
    // Safe without the GIL: everything from here on is made of C++ values of its own, and the locks
    // behind it are never held by a thread that waits for the GIL.
    const GilRelease release;
    if (after_commit && unit) {
        if (unit->hold(notification)) return 0;
        // A helper thread that is later than its walker: as its unit ended.
        if (!unit->committed()) return 0;
    }
    return send(notification, unit ? unit->origin() : std::nullopt);
}

}  // namespace

py::object current_unit_variable() {
    static auto* const variable = new py::object(
        py::reinterpret_steal<py::object>(PyContextVar_New("jac_cloud_unit", nullptr)));
    return *variable;
}

void WebsocketManager::set_max_bytes(std::size_t bytes) {
    max_bytes = bytes;
}

void WebsocketManager::set_root_resolver(py::object hook) {
    root_resolver() = std::move(hook);
}

std::size_t WebsocketManager::notify_self(const py::object& data, bool after_commit) const {
    refuse_in_forked_child();
    SharedMessage message = encode(data);
    const auto unit = current_unit();
    if (!unit || !unit->origin()) return 0;
    return send_or_hold(Unit::ToOrigin{std::move(message)}, after_commit, unit);
}

std::size_t WebsocketManager::notify(TargetKind kind, const py::object& targets,
                                     const py::object& data, bool after_commit) const {
    refuse_in_forked_child();
    const auto names = target_names(kind, targets);
    SharedMessage message = encode(data);
    const std::vector<std::string_view> views(names.begin(), names.end());
    const Unit::Notification notification = Unit::ToTargets{
        std::make_shared<const Publication>(Publication{Targets(kind, views), std::move(message)})};
    return send_or_hold(notification, after_commit, current_unit());
}

}  // namespace jac::cloud
