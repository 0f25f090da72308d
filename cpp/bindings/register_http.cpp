#include "bindings/register_http.hpp"

#include <pybind11/stl.h>

#include <memory>
#include <utility>

#include "bindings/register.hpp"
#include "server/http_exchange.hpp"

namespace py = pybind11;

namespace jac::cloud {

namespace {

// An exchange as Python holds it: when Python lets go of it, nobody will finish the response.
//
// Its calls keep the GIL. The exchange's lock is held for no more than a copy, on either side, and
// never by one who waits for the GIL.
class PythonExchange {
  public:
    explicit PythonExchange(std::shared_ptr<HttpExchange> exchange)
        : exchange_(std::move(exchange)) {}
    PythonExchange(const PythonExchange&) = delete;
    PythonExchange& operator=(const PythonExchange&) = delete;
    ~PythonExchange() { exchange_->abandon(); }

    HttpExchange& operator*() const noexcept { return *exchange_; }
    HttpExchange* operator->() const noexcept { return exchange_.get(); }

  private:
    std::shared_ptr<HttpExchange> exchange_;
};

// The bytes of any object that lends them, for as long as this lives.
class Borrowed {
  public:
    explicit Borrowed(py::handle object) {
        if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) {
            throw py::error_already_set();
        }
    }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    ~Borrowed() { PyBuffer_Release(&view_); }

    std::string_view text() const {
        return {static_cast<const char*>(view_.buf), static_cast<std::size_t>(view_.len)};
    }

  private:
    Py_buffer view_{};
};

py::list headers_of(const PythonExchange& exchange) {
    py::list headers;
    for (const auto& [name, value] : exchange->request().fields) {
        headers.append(py::make_tuple(py::bytes(name), py::bytes(value)));
    }
    return headers;
}

py::tuple read(PythonExchange& exchange) {
    const auto body = exchange->read();
    return py::make_tuple(py::bytes(body.bytes), body.more);
}

void start(PythonExchange& exchange, unsigned status, const py::iterable& headers) {
    HttpFields fields;
    for (const py::handle header : headers) {
        const auto pair = header.cast<std::pair<py::object, py::object>>();
        fields.emplace_back(Borrowed(pair.first).text(), Borrowed(pair.second).text());
    }
    exchange->start(status, fields);
}

bool write(PythonExchange& exchange, py::handle data, bool more) {
    switch (exchange->write(Borrowed(data).text(), more)) {
        case HttpExchange::Written::go_on:
            return true;
        case HttpExchange::Written::wait:
            return false;
        case HttpExchange::Written::gone:
            break;
    }
    PyErr_SetString(PyExc_ConnectionResetError, "the client has gone");
    throw py::error_already_set();
}

}  // namespace

int http_fd(Server& server) {
    server.services().http->open();
    return server.services().http->fd();
}

py::list take_http(Server& server) {
    py::list items;
    for (auto& [signal, exchange] : server.services().http->take()) {
        auto handle = std::static_pointer_cast<PythonExchange>(exchange->handle.lock());
        if (signal == HttpSignal::request) {
            handle = std::make_shared<PythonExchange>(exchange);
            exchange->handle = handle;
        }
        // Without one, Python has let go of it already.
        if (handle) items.append(py::make_tuple(static_cast<int>(signal), handle));
    }
    return items;
}

void register_http(py::module_& module) {
    module.attr("HTTP_REQUEST") = static_cast<int>(HttpSignal::request);
    module.attr("HTTP_BODY") = static_cast<int>(HttpSignal::body);
    module.attr("HTTP_DRAINED") = static_cast<int>(HttpSignal::drained);
    module.attr("HTTP_DISCONNECT") = static_cast<int>(HttpSignal::disconnect);

    const auto of = [](auto get) {
        return [get](const PythonExchange& exchange) { return get(exchange->request()); };
    };
    py::class_<PythonExchange, std::shared_ptr<PythonExchange>>(module, "HttpExchange")
        .def_property_readonly("method", of([](auto& request) { return request.method; }))
        .def_property_readonly("target",
                               of([](auto& request) { return py::bytes(request.target); }))
        .def_property_readonly("http_version", of([](auto& request) {
                                   return std::string(request.http10 ? "1.0" : "1.1");
                               }))
        .def_property_readonly("headers", &headers_of)
        .def_property_readonly("secure",
                               of([](auto& request) { return request.endpoints->secure; }))
        .def_property_readonly("client", of([](auto& request) {
                                   return std::pair(request.endpoints->client_address,
                                                    request.endpoints->client_port);
                               }))
        .def_property_readonly("server", of([](auto& request) {
                                   return std::pair(request.endpoints->server_address,
                                                    request.endpoints->server_port);
                               }))
        .def_property_readonly(
            "disconnected", [](const PythonExchange& exchange) { return exchange->disconnected(); })
        .def("read", &read)
        .def("start", &start, py::arg("status"), py::arg("headers"))
        .def("write", &write, py::arg("data"), py::arg("more"))
        .def("abandon", [](PythonExchange& exchange) { exchange->abandon(); });
}

}  // namespace jac::cloud
