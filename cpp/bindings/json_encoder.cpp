#include "bindings/json_encoder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>

namespace py = pybind11;

namespace jac::cloud {

namespace {

// Leaked on purpose: a static py::object would be dropped after the interpreter has gone.
py::object& default_hook() {
    static auto* const hook = new py::object(py::none());
    return *hook;
}

std::string type_name(PyObject* value) {
    return Py_TYPE(value)->tp_name;
}

void append_escaped(std::string& out, std::string_view text) {
    out += '"';
    std::size_t clean = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        out += text.substr(clean, i - clean);
        clean = i + 1;
        switch (byte) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
        }
    }
    out += text.substr(clean);
    out += '"';
}

}  // namespace

std::string JsonEncoder::encode(py::handle value, const char* name, std::size_t max_bytes) {
    JsonEncoder encoder(name, max_bytes);
    encoder.value(value.ptr());
    encoder.make_room(0);
    return std::move(encoder.out_);
}

void JsonEncoder::set_default(py::object hook) {
    default_hook() = std::move(hook);
}

void JsonEncoder::value(PyObject* value) {
    if (value == Py_None) {
        out_ += "null";
    } else if (value == Py_True) {
        out_ += "true";
    } else if (value == Py_False) {
        out_ += "false";
    } else if (PyUnicode_CheckExact(value)) {
        string(value);
    } else if (PyLong_CheckExact(value)) {
        integer(value);
    } else if (PyFloat_CheckExact(value)) {
        number(value);
    } else if (PyDict_CheckExact(value)) {
        dict(value);
    } else if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
        list(value);
    } else {
        other(value);
    }
}

// A type of somebody's own: the hook's to turn into something else; if it gives back the same, what
// the type derives from counts.
void JsonEncoder::other(PyObject* value) {
    enter();
    auto turned = py::reinterpret_borrow<py::object>(value);
    if (!default_hook().is_none()) {
        const py::object hook = default_hook();
        turned = py::reinterpret_steal<py::object>(PyObject_CallOneArg(hook.ptr(), value));
        if (!turned) {
            if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
            refuse_with_cause(fmt::format("a {} cannot be sent as JSON", type_name(value)));
        }
    }
    if (turned.ptr() != value) {
        this->value(turned.ptr());
    } else if (!builtin(value)) {
        refuse(fmt::format("a {} cannot be sent as JSON", type_name(value)));
    }
    --depth_;
}

bool JsonEncoder::builtin(PyObject* value) {
    if (PyUnicode_Check(value)) {
        string(value);
    } else if (PyLong_Check(value)) {
        integer(value);
    } else if (PyFloat_Check(value)) {
        number(value);
    } else if (PyDict_Check(value)) {
        dict(value);
    } else if (PyList_Check(value) || PyTuple_Check(value)) {
        list(value);
    } else {
        return false;
    }
    return true;
}

void JsonEncoder::string(PyObject* value) {
    Py_ssize_t size = 0;
    const char* const text = PyUnicode_AsUTF8AndSize(value, &size);
    if (text == nullptr) refuse_with_cause("the text holds a lone surrogate");
    // Before it is copied: it may be what is too long.
    make_room(static_cast<std::size_t>(size));
    append_escaped(out_, {text, static_cast<std::size_t>(size)});
}

void JsonEncoder::integer(PyObject* value) {
    int overflow = 0;
    const auto small = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0) {
        if (small == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
        fmt::format_to(std::back_inserter(out_), "{}", small);
        return;
    }
    // int's own digits: a subclass may print itself as something else.
    const auto digits = py::reinterpret_steal<py::object>(PyLong_Type.tp_repr(value));
    if (!digits) refuse_with_cause("the integer has too many digits");
    out_ += py::cast<std::string>(digits);
}

void JsonEncoder::number(PyObject* value) {
    const double number = PyFloat_AS_DOUBLE(value);
    if (!std::isfinite(number)) refuse(fmt::format("JSON has no {}", number));
    const std::unique_ptr<char, decltype(&PyMem_Free)> text(
        PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, nullptr), &PyMem_Free);
    if (!text) throw py::error_already_set();
    out_ += text.get();
}

void JsonEncoder::list(PyObject* value) {
    enter();
    out_ += '[';
    // The hook runs Python code that may change the list: its size is asked for each time.
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(value); ++i) {
        if (i != 0) out_ += ',';
        const auto item = py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(value, i));
        path_.push_back({nullptr, i});
        this->value(item.ptr());
        path_.pop_back();
    }
    out_ += ']';
    --depth_;
}

void JsonEncoder::dict(PyObject* value) {
    enter();
    out_ += '{';
    Py_ssize_t position = 0;
    PyObject* borrowed_key = nullptr;
    PyObject* borrowed_value = nullptr;
    bool first = true;
    while (PyDict_Next(value, &position, &borrowed_key, &borrowed_value) != 0) {
        const auto name = py::reinterpret_borrow<py::object>(borrowed_key);
        const auto item = py::reinterpret_borrow<py::object>(borrowed_value);
        if (!first) out_ += ',';
        first = false;
        path_.push_back({name.ptr(), 0});
        key(name.ptr());
        out_ += ':';
        this->value(item.ptr());
        path_.pop_back();
    }
    out_ += '}';
    --depth_;
}

// As json.dumps: numbers, booleans and None are allowed and become text.
void JsonEncoder::key(PyObject* value) {
    if (PyUnicode_Check(value)) {
        string(value);
        return;
    }
    const bool plain = value == Py_None || PyBool_Check(value) || PyLong_CheckExact(value) ||
                       PyFloat_CheckExact(value);
    if (!plain) refuse(fmt::format("a {} cannot be a key in JSON", type_name(value)));
    out_ += '"';
    this->value(value);
    out_ += '"';
}

void JsonEncoder::make_room(std::size_t bytes) const {
    if (bytes <= max_bytes_ && out_.size() <= max_bytes_ - bytes) return;
    throw py::value_error(fmt::format("{}: more than {} bytes of JSON", name_, max_bytes_));
}

void JsonEncoder::enter() {
    make_room(0);
    if (++depth_ <= max_depth) return;
    constexpr std::size_t shown = 3;
    path_.resize(std::min(path_.size(), shown));
    refuse(fmt::format("more than {} levels, or it holds itself", max_depth));
}

std::string JsonEncoder::place() const {
    std::string place = name_;
    for (const auto& step : path_) {
        place += step.key == nullptr ? fmt::format("[{}]", step.position)
                                     : fmt::format("[{}]", std::string(py::repr(step.key)));
    }
    return place;
}

void JsonEncoder::refuse(const std::string& why) const {
    throw py::type_error(fmt::format("{}: {}", place(), why));
}

void JsonEncoder::refuse_with_cause(const std::string& why) const {
    std::string message;
    {
        const py::error_scope cause;  // place() runs Python code, which must not see it
        message = fmt::format("{}: {}", place(), why);
    }
    py::raise_from(PyExc_TypeError, message.c_str());
    throw py::error_already_set();
}

}  // namespace jac::cloud
