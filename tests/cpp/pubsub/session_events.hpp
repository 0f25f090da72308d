#pragma once

#include <string>
#include <string_view>

#include "pubsub/collecting_session.hpp"

// What clients say in the tests of sessions, and what they are told who they are.
namespace jac::cloud {

inline constexpr auto connection_event = R"({"type":"connection"})";

inline std::string walker_event(std::string_view id, std::string_view name = "open") {
    return R"({"type":"walker","walker":")" + std::string(name) + R"(","id":)" + std::string(id) +
           "}";
}

inline std::string channel_event(std::string_view channel, std::string_view data) {
    return R"({"type":"channel","channel_ids":[")" + std::string(channel) + R"("],"data":)" +
           std::string(data) + "}";
}

inline std::string connection_frame(const CollectingSession& session, std::string_view root,
                                    std::string_view id = {}) {
    auto text = R"({"type":"connection","data":{"client_id":")" + session.client_id() +
                R"(","root_id":")" + std::string(root) + R"(","channel_id":")" +
                session.channel_id() + "\"}";
    if (!id.empty()) text += ",\"id\":" + std::string(id);
    return text + "}";
}

inline constexpr auto public_root_id = "n::000000000000000000000001";
inline constexpr auto root_of_7 = "n::000000000000000000000007";
inline constexpr auto root_of_8 = "n::000000000000000000000008";

}  // namespace jac::cloud
