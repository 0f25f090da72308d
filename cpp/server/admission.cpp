#include "server/admission.hpp"

#include <utility>

namespace jac::cloud {

struct Admission::Ticket {
    Ticket(std::shared_ptr<Admission> from, std::string holder,
           std::atomic<std::uint64_t>& shard_count)
        : admission(std::move(from)), address(std::move(holder)), count(shard_count) {
        ++count;
    }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() {
        --count;
        admission->leave_address(address);
        --admission->connections_;
    }

    std::shared_ptr<Admission> admission;
    std::string address;
    std::atomic<std::uint64_t>& count;
};

std::shared_ptr<void> Admission::admit(const std::string& address,
                                       std::atomic<std::uint64_t>& shard_count) {
    if (++connections_ > max_connections_ || !enter_address(address)) {
        --connections_;
        return nullptr;
    }
    // Without a limit by address there is no need to remember it.
    return std::make_shared<Ticket>(shared_from_this(),
                                    max_for_address_ == 0 ? std::string() : address, shard_count);
}

bool Admission::enter_address(const std::string& address) {
    if (max_for_address_ == 0) return true;
    const std::lock_guard lock(mutex_);
    auto& count = by_address_[address];
    if (count >= max_for_address_) return false;
    ++count;
    return true;
}

void Admission::leave_address(const std::string& address) {
    if (max_for_address_ == 0) return;
    const std::lock_guard lock(mutex_);
    const auto found = by_address_.find(address);
    if (--found->second == 0) by_address_.erase(found);
}

}  // namespace jac::cloud
