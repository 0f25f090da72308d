#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocol/frame.hpp"

namespace jac::cloud {

// A text message in its frame, made once for all who receive it and never changed.
class Message {
  public:
    explicit Message(std::string_view payload) {
        const FrameHeader header(Opcode::text, payload.size());
        header_size_ = header.view().size();
        framed_.reserve(header.view().size() + payload.size());
        framed_ += header.view();
        framed_ += payload;
    }

    std::string_view framed() const noexcept { return framed_; }
    std::string_view payload() const noexcept { return framed().substr(header_size_); }

  private:
    std::string framed_;
    std::size_t header_size_;
};

using SharedMessage = std::shared_ptr<const Message>;

}  // namespace jac::cloud
