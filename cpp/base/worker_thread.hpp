#pragma once

#include "base/worker_pace.hpp"

namespace jac::cloud {

// The thread that calls it, for others to ask about as long as it lives; later it has computed
// nothing. Without /proc nobody is known to be runnable.
WorkerPace::Thread this_worker_thread();

}  // namespace jac::cloud
