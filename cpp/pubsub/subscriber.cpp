#include "pubsub/subscriber.hpp"

namespace jac::cloud {

std::shared_ptr<const std::atomic<std::uint32_t>> Subscriber::shared_generation() {
    if (!shared_generation_) {
        shared_generation_ =
            std::make_shared<std::atomic<std::uint32_t>>(joined_ ? generation_ : 0);
    }
    return shared_generation_;
}

}  // namespace jac::cloud
