#pragma once

#include <pybind11/pybind11.h>

namespace jac::cloud {

// Gives the GIL away for its scope. pybind11's own ends the process when the interpreter exits
// meanwhile: CPython (before 3.14) ends a thread that then asks for the GIL by unwinding its stack,
// which no destructor may let through. A thread that comes too late for the interpreter waits here
// for the end of the process instead, as CPython 3.14 does it.
class GilRelease {
  public:
    GilRelease() : state_(PyEval_SaveThread()) {}
    ~GilRelease();
    GilRelease(const GilRelease&) = delete;
    GilRelease& operator=(const GilRelease&) = delete;

    // With the GIL, while it can still be had: from here on nobody comes back. Returns once those
    // who were on their way have it behind them.
    static void close();

  private:
    PyThreadState* state_;
};

}  // namespace jac::cloud
