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
        framed_.reserve(header.view().size() + payload.size());
        framed_ += header.view();
        framed_ += payload;
    }

    std::string_view framed() const noexcept { return framed_; }

  private:
    std::string framed_;
};

using SharedMessage = std::shared_ptr<const Message>;

}  // namespace jac::cloud
