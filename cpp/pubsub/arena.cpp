#include "pubsub/arena.hpp"

namespace jac::cloud {

Slice Arena::append_frame(Opcode opcode, std::string_view payload, Encoding encoding) {
    const FrameHeader header(opcode, payload.size(), encoding);
    const auto size = header.view().size() + payload.size();
    BlockRef block = block_for(size);
    const auto offset = block.get()->append(header.view());
    block.get()->append(payload);
    return {std::move(block), offset, size};
}

Slice Arena::append(const SharedMessage& message) {
    const auto framed = message->framed();
    if (framed.size() < large) return append_bytes(framed);
    return {BlockRef(new Block(message)), 0, framed.size()};
}

Slice Arena::append_bytes(std::string_view bytes) {
    BlockRef block = block_for(bytes.size());
    const auto offset = block.get()->append(bytes);
    return {std::move(block), offset, bytes.size()};
}

void Arena::rewind() noexcept {
    if (current_.get() != nullptr && current_.unshared()) current_.get()->used_ = 0;
}

BlockRef Arena::block_for(std::size_t size) {
    if (size >= large) return BlockRef(new Block(size));
    if (current_.get() == nullptr || current_.get()->room() < size) {
        rewind();
        if (current_.get() == nullptr || !current_.unshared()) {
            current_ = BlockRef(new Block(block_size));
        }
    }
    return current_;
}

}  // namespace jac::cloud
