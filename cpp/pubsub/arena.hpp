#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "pubsub/message.hpp"

namespace jac::cloud {

// Bytes that several outboxes of one shard share. Counted without atomics: one thread's own.
class Block {
  public:
    explicit Block(std::size_t capacity)
        : bytes_(std::make_unique_for_overwrite<char[]>(capacity)), capacity_(capacity) {}
    // A large message is not copied: the block keeps it.
    explicit Block(SharedMessage message)
        : message_(std::move(message)), capacity_(message_->framed().size()), used_(capacity_) {}

    const char* data() const noexcept {
        return message_ ? message_->framed().data() : bytes_.get();
    }
    std::size_t capacity() const noexcept { return capacity_; }
    std::size_t used() const noexcept { return used_; }
    std::size_t room() const noexcept { return capacity_ - used_; }

    // Copies the bytes behind what is there already; they must fit. Returns where they begin.
    std::size_t append(std::string_view bytes) noexcept {
        const auto offset = used_;
        // An empty view may have no address, which memcpy must not be given.
        if (!bytes.empty()) std::memcpy(bytes_.get() + offset, bytes.data(), bytes.size());
        used_ += bytes.size();
        return offset;
    }

  private:
    friend class Arena;
    friend class BlockRef;

    std::unique_ptr<char[]> bytes_;
    SharedMessage message_;
    std::size_t capacity_;
    std::size_t used_ = 0;
    std::uint32_t references_ = 0;
};

class BlockRef {
  public:
    BlockRef() = default;
    explicit BlockRef(Block* block) noexcept : block_(block) { ++block_->references_; }
    BlockRef(const BlockRef& other) noexcept : block_(other.block_) {
        if (block_ != nullptr) ++block_->references_;
    }
    BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    BlockRef& operator=(BlockRef other) noexcept {
        std::swap(block_, other.block_);
        return *this;
    }
    ~BlockRef() {
        if (block_ != nullptr && --block_->references_ == 0) delete block_;
    }

    Block* get() const noexcept { return block_; }
    bool unshared() const noexcept { return block_->references_ == 1; }

  private:
    Block* block_ = nullptr;
};

// A piece of a block: one frame, or several that lie one behind the other.
struct Slice {
    BlockRef block;
    std::size_t offset = 0;
    std::size_t size = 0;

    std::string_view view() const noexcept { return {block.get()->data() + offset, size}; }
    // Whether it lies right behind the other.
    bool follows(const Slice& other) const noexcept {
        return block.get() == other.block.get() && offset == other.offset + other.size;
    }
};

// Where a shard's frames are written, each once, one behind the other, so that what a turn sends
// to a connection is one run of bytes and leaves in one system call.
class Arena {
  public:
    static constexpr std::size_t block_size = std::size_t{64} << 10;
    // Larger frames get a block of their own.
    static constexpr std::size_t large = block_size / 4;

    Slice append_frame(Opcode opcode, std::string_view payload,
                       Encoding encoding = Encoding::plain);
    Slice append(const SharedMessage& message);
    Slice append_bytes(std::string_view bytes);

    // Starts over in the current block when nobody needs what is in it: between turns.
    void rewind() noexcept;

  private:
    // A block with room for that many bytes, to be appended to at once.
    BlockRef block_for(std::size_t size);

    BlockRef current_;
};

}  // namespace jac::cloud
