#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "bindings/json_encoder.hpp"
#include "bindings/manager.hpp"
#include "bindings/register.hpp"
#include "protocol/json_scanner.hpp"

namespace py = pybind11;

namespace jac::cloud {

namespace {

template <TargetKind kind>
std::size_t notify(const WebsocketManager& manager, const py::object& targets,
                   const py::object& data, bool after_commit) {
    return manager.notify(kind, targets, data, after_commit);
}

}  // namespace

void register_manager(py::module_& module) {
    py::class_<WebsocketManager>(module, "WebsocketManager")
        .def("notify_self", &WebsocketManager::notify_self, py::arg("data"), py::kw_only(),
             py::arg("after_commit") = false)
        .def("notify_users", &notify<TargetKind::user>, py::arg("roots"), py::arg("data"),
             py::kw_only(), py::arg("after_commit") = false)
        .def("notify_channels", &notify<TargetKind::channel>, py::arg("channel_ids"),
             py::arg("data"), py::kw_only(), py::arg("after_commit") = false)
        .def("notify_clients", &notify<TargetKind::client>, py::arg("client_ids"), py::arg("data"),
             py::kw_only(), py::arg("after_commit") = false);
    module.attr("WEBSOCKET_MANAGER") = WebsocketManager();

    module.def("set_root_resolver", &WebsocketManager::set_root_resolver, py::arg("hook"));
    module.def("set_max_notification_bytes", &WebsocketManager::set_max_bytes, py::arg("bytes"));
    module.def("set_json_default", &JsonEncoder::set_default, py::arg("hook"));
    module.def(
        "encode_json",
        [](const py::object& value, const char* name) {
            return py::bytes(JsonEncoder::encode(value, name));
        },
        py::arg("value"), py::arg("name") = "value");
    module.def(
        "may_hold_infinity",
        [](const py::bytes& text) { return may_hold_infinity(std::string_view(text)); },
        py::arg("text"));
    module.def(
        "parse_node_id",
        [](const std::string& text) -> std::optional<std::string> {
            const auto id = parse_node_id(text);
            return id ? std::optional(to_hex(*id)) : std::nullopt;
        },
        py::arg("text"));
    module.def(
        "format_node_id",
        [](const std::string& hex) {
            const auto id = parse_node_id(hex);
            if (!id) throw py::value_error("not the hex digits of a node id: " + hex);
            return format_node_id(*id);
        },
        py::arg("hex32"));
}

}  // namespace jac::cloud
