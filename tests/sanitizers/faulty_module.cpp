// As faulty.cpp, in a module of a Python that has no sanitizer: a test of `make sanitize` itself.
#include <pybind11/pybind11.h>

#include <barrier>
#include <string>

#include "pubsub/arena.hpp"

namespace {

int shared = 0;
std::string text = "overflow";

void count() {
    ++shared;
}

// Two threads at once, whatever else the machine is doing.
void race() {
    static std::barrier both(2);
    both.arrive_and_wait();
    count();
}

// A block takes what has room in it.
void overflow() {
    jac::cloud::Block block(text.size() - 1);
    block.append(text);
}

}  // namespace

PYBIND11_MODULE(faulty_module, module) {
    module.def("ordered_by_the_gil", &count);
    module.def("race", &race, pybind11::call_guard<pybind11::gil_scoped_release>());
    module.def("overflow", &overflow);
}
