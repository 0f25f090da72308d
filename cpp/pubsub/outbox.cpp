#include "pubsub/outbox.hpp"

#include <algorithm>
#include <iterator>

namespace jac::cloud {

namespace {

constexpr std::size_t kept_capacity = 8;  // slices an empty outbox keeps room for
constexpr std::size_t own_block_size = std::size_t{16} << 10;

std::ptrdiff_t index(std::size_t position) {
    return static_cast<std::ptrdiff_t>(position);
}

}  // namespace

Enqueue Outbox::push(const Slice& slice) {
    if (bytes_ != 0 && bytes_ + slice.size > limit_) return Enqueue::overflow;
    append(slice);
    return Enqueue::queued;
}

void Outbox::push_final(const Slice& slice) {
    append(slice);
}

void Outbox::append(const Slice& slice) {
    if (slice.size == 0) return;  // would never be consumed
    bytes_ += slice.size;
    if (total_ != nullptr) total_->add(slice.size);
    if (first_ != slices_.size()) {
        Slice& last = slices_.back();
        if (slice.follows(last)) {
            last.size += slice.size;
            return;
        }
    }
    slices_.push_back(slice);
}

std::size_t Outbox::pinned() const noexcept {
    std::size_t bytes = 0;
    const Block* before = nullptr;  // slices of one block stand together
    for (std::size_t i = first_; i < slices_.size(); ++i) {
        const Block* const block = slices_[i].block.get();
        if (block != before) bytes += block->capacity();
        before = block;
    }
    return bytes;
}

std::size_t Outbox::front(std::span<std::string_view> views) const {
    const auto count = std::min(views.size(), slices_.size() - first_);
    for (std::size_t i = 0; i < count; ++i) views[i] = slices_[first_ + i].view();
    return count;
}

void Outbox::consume(std::size_t bytes) {
    bytes_ -= bytes;
    if (total_ != nullptr) total_->subtract(bytes);
    while (bytes != 0) {
        Slice& slice = slices_[first_];
        if (bytes < slice.size) {
            slice.offset += bytes;
            slice.size -= bytes;
            break;
        }
        bytes -= slice.size;
        slice.block = BlockRef();
        ++first_;
    }
    if (first_ == slices_.size()) {
        clear();
    } else if (first_ > slices_.size() / 2) {
        slices_.erase(slices_.begin(), slices_.begin() + index(first_));
        settled_ = std::max(settled_, first_) - first_;
        first_ = 0;
    }
}

void Outbox::settle() {
    if (settled_ <= first_) {  // all that was settled has been sent
        settled_ = first_;
        own_tail_ = false;
    } else {
        shorten(slices_[first_]);
    }
    std::vector<Slice> fresh(std::make_move_iterator(slices_.begin() + index(settled_)),
                             std::make_move_iterator(slices_.end()));
    slices_.resize(settled_);
    for (Slice& slice : fresh) {
        if (slice.size * 2 >= slice.block.get()->capacity()) {
            slices_.push_back(std::move(slice));
            own_tail_ = false;
            continue;
        }
        if (!own_tail_ || slices_.back().block.get()->room() < slice.size) {
            auto* const own = new Block(std::max(own_block_size, slice.size));
            slices_.push_back({BlockRef(own), 0, 0});
            own_tail_ = true;
        }
        Slice& tail = slices_.back();
        tail.block.get()->append(slice.view());
        tail.size += slice.size;
    }
    settled_ = slices_.size();
}

// Of a large block that is mostly sent, the rest is copied.
void Outbox::shorten(Slice& sending) {
    const auto capacity = sending.block.get()->capacity();
    if (capacity <= own_block_size || sending.size * 2 >= capacity) return;
    auto* const own = new Block(sending.size);
    own->append(sending.view());
    sending = {BlockRef(own), 0, sending.size};
}

void Outbox::clear() {
    if (total_ != nullptr) total_->subtract(bytes_);
    bytes_ = 0;
    first_ = 0;
    settled_ = 0;
    own_tail_ = false;
    slices_.clear();
    if (slices_.capacity() > kept_capacity) std::vector<Slice>().swap(slices_);
}

}  // namespace jac::cloud
