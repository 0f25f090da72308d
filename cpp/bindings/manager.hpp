#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>

#include "pubsub/targets.hpp"

namespace jac::cloud {

// WEBSOCKET_MANAGER: how walkers, and any other Python code, push to live clients. Any thread. Data
// is encoded before anything is sent, once however many receive it. Each call returns how many of
// this node's sessions the message was queued to: 0 without a server.
class WebsocketManager {
  public:
    std::size_t notify_self(const pybind11::object& data, bool after_commit) const;
    std::size_t notify(TargetKind kind, const pybind11::object& targets,
                       const pybind11::object& data, bool after_commit) const;

    // The longest message that is sent; ValueError for a longer one. Under the GIL.
    static void set_max_bytes(std::size_t bytes);

    // What turns a Root node, or its anchor, into its "n::" id. TypeError for anything else.
    static void set_root_resolver(pybind11::object hook);
};

// The ContextVar that holds the Unit whose walker runs here. Under the GIL.
pybind11::object current_unit_variable();

}  // namespace jac::cloud
