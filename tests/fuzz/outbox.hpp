#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "pubsub/outbox.hpp"

namespace jac::cloud::fuzz {

constexpr std::size_t outbox_limit = 3000;

// An outbox and the string of bytes that it stands for.
template <class Box>
class OutboxAndModel {
  public:
    OutboxAndModel() { box_.count_into(total_); }

    void step(Bytes& input) {
        switch (input.byte() % 6) {
            case 0:
            case 1: {
                const auto slice = next(input.word() % 2500);
                const bool fits = model_.empty() || model_.size() + slice.size <= outbox_limit;
                check((box_.push(slice) == Enqueue::queued) == fits, "what fits is queued");
                if (fits) model_ += slice.view();
                break;
            }
            case 2: {
                const auto slice = next(input.byte());
                box_.push_final(slice);
                model_ += slice.view();
                break;
            }
            case 3: {
                const auto sent = std::min<std::size_t>(input.word(), model_.size());
                box_.consume(sent);
                model_.erase(0, sent);
                break;
            }
            case 4:
                box_.settle();
                check(box_.pinned() <= 2 * model_.size() + (std::size_t{32} << 10), "memory kept");
                break;
            default:
                // Most of a block is somebody else's.
                arena_.append_bytes(std::string(input.word() % 5000, '.'));
                if (input.byte() % 8 == 0) box_.clear(), model_.clear();
                break;
        }
        arena_.rewind();
        compare();
    }

  private:
    Slice next(std::size_t size) {
        std::string bytes(size, '\0');
        for (char& byte : bytes) byte = static_cast<char>(++last_);
        return arena_.append_bytes(bytes);
    }

    void compare() const {
        check(box_.bytes() == model_.size() && total_.value() == model_.size(),
              "the bytes counted");
        check(box_.empty() == model_.empty(), "whether it is empty");
        std::array<std::string_view, 64> views;
        std::string_view expected = model_;
        for (const auto view : std::span(views).first(box_.front(views))) {
            check(expected.starts_with(view) && !view.empty(), "the bytes to be sent");
            expected.remove_prefix(view.size());
        }
    }

    Arena arena_;
    Counter total_;
    Box box_{outbox_limit};
    std::string model_;
    unsigned last_ = 0;
};

template <class Box>
void run_outbox(Bytes input) {
    OutboxAndModel<Box> both;
    while (!input.empty()) both.step(input);
}

}  // namespace jac::cloud::fuzz
