// An outbox beside a string: pushes, sends of any size, settling, other outboxes' bytes between.
#include "outbox.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    jac::cloud::fuzz::run_outbox<jac::cloud::Outbox>({data, size});
    return 0;
}
