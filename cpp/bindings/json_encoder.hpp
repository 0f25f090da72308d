#pragma once

#include <pybind11/pybind11.h>

#include <limits>
#include <string>
#include <vector>

namespace jac::cloud {

// Turns a Python value into JSON text, as json.dumps would, but for this: what JSON cannot hold
// goes through the interpreter's hook; NaN, Infinity, lone surrogates and loops are refused. Under
// the GIL.
class JsonEncoder {
  public:
    // Throws TypeError (as error_already_set) naming the place: "data['user']['photo']: ...", and
    // ValueError once the text is longer than `max_bytes`. `name` is what the value is called
    // there.
    static std::string encode(pybind11::handle value, const char* name,
                              std::size_t max_bytes = unlimited);

    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    // What turns other types into what can be encoded; it raises TypeError for what it does not
    // know. None takes it away.
    static void set_default(pybind11::object hook);

  private:
    JsonEncoder(const char* name, std::size_t max_bytes) : name_(name), max_bytes_(max_bytes) {}

    void value(PyObject* value);
    void other(PyObject* value);
    bool builtin(PyObject* value);
    void string(PyObject* value);
    void integer(PyObject* value);
    void number(PyObject* value);
    void list(PyObject* value);
    void dict(PyObject* value);
    void key(PyObject* value);
    void enter();
    void make_room(std::size_t bytes) const;
    [[noreturn]] void refuse(const std::string& why) const;
    [[noreturn]] void refuse_with_cause(const std::string& why) const;
    std::string place() const;

    // A key of a dict, or a position in a list. Borrowed: alive while the encoder is inside.
    struct Step {
        PyObject* key;
        Py_ssize_t position;
    };

    static constexpr std::size_t max_depth = 200;

    const char* name_;
    std::size_t max_bytes_;
    std::string out_;
    std::vector<Step> path_;
    std::size_t depth_ = 0;
};

}  // namespace jac::cloud
