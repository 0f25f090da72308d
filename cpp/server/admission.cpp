#include "server/admission.hpp"

#include <utility>

namespace jac::cloud {

Ticket::Ticket(std::shared_ptr<Admission> admission, std::string address,
               std::atomic<std::uint64_t>& shard_count)
    : admission_(std::move(admission)), address_(std::move(address)), shard_count_(shard_count) {
    ++shard_count_;
}

Ticket::~Ticket() {
    settle();
    admission_->leave_address(address_);
    --admission_->connections_;
    // Last: once nobody counts it any more, there is room for another.
    --shard_count_;
}

void Ticket::settle() noexcept {
    if (!std::exchange(settled_, true)) --admission_->handshakes_;
}

bool Ticket::comes_from(std::string address) {
    if (!admission_->enter_address(address)) return false;
    if (admission_->most_.for_address != 0) address_ = std::move(address);
    return true;
}

std::variant<std::shared_ptr<Ticket>, Limit> Admission::admit(
    const std::string& address, std::atomic<std::uint64_t>& shard_count) {
    // Let in by one thread alone, so that what is looked at first cannot be passed meanwhile.
    if (connections_ >= most_.connections) return Limit::max_connections;
    if (most_.handshakes != 0 && handshakes_ >= most_.handshakes) return Limit::max_handshakes;
    if (!enter_address(address)) return Limit::max_connections_per_address;
    ++connections_;
    ++handshakes_;
    // Without a limit by address there is no need to remember it.
    return std::make_shared<Ticket>(shared_from_this(),
                                    most_.for_address == 0 ? std::string() : address, shard_count);
}

bool Admission::enter_address(const std::string& address) {
    if (most_.for_address == 0 || address.empty()) return true;
    const std::lock_guard lock(mutex_);
    auto& count = by_address_[address];
    if (count >= most_.for_address) return false;
    ++count;
    return true;
}

void Admission::leave_address(const std::string& address) {
    if (most_.for_address == 0 || address.empty()) return;
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(address);
    if (--found->second == 0) by_address_.erase(found);
}

}  // namespace jac::cloud
