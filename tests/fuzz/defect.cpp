// A test of the fuzzing itself: an outbox with a fault that the engine, and the inputs that are
// kept, must find.
#include "outbox.hpp"

namespace {

using namespace jac::cloud;

// Forgets one byte when it is settled in the middle of a slice.
class FaultyOutbox : public Outbox {
  public:
    using Outbox::Outbox;

    void consume(std::size_t bytes) {
        Outbox::consume(bytes);
        in_the_middle_ = bytes % 7 == 3 && !empty();
    }
    void settle() {
        Outbox::settle();
        if (std::exchange(in_the_middle_, false)) Outbox::consume(1);
    }

  private:
    bool in_the_middle_ = false;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::run_outbox<FaultyOutbox>({data, size});
    return 0;
}
