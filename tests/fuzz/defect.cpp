// A test of the fuzzing itself: an outbox with a fault that the engine, and the inputs that are
// kept, must find.
#include <utility>

#include "outbox.hpp"

namespace {

using namespace jac::cloud;

// Forgets one byte when it is settled in the middle of a slice.
class FaultyOutbox {
  public:
    explicit FaultyOutbox(std::size_t limit) : box_(limit) {}

    void consume(std::size_t bytes) {
        box_.consume(bytes);
        in_the_middle_ = bytes % 7 == 3 && !box_.empty();
    }
    void settle() {
        box_.settle();
        if (std::exchange(in_the_middle_, false)) box_.consume(1);
    }

    void count_into(Counter& total) { box_.count_into(total); }
    Enqueue push(const Slice& slice) { return box_.push(slice); }
    void push_final(const Slice& slice) { box_.push_final(slice); }
    void clear() { box_.clear(); }
    bool empty() const { return box_.empty(); }
    std::size_t bytes() const { return box_.bytes(); }
    std::size_t pinned() const { return box_.pinned(); }
    std::size_t front(std::span<std::string_view> views) const { return box_.front(views); }

  private:
    Outbox box_;
    bool in_the_middle_ = false;
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::run_outbox<FaultyOutbox>({data, size});
    return 0;
}
