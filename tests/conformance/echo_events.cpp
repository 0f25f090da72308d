// In place of session_events.cpp: a session that sends back each message as it is, and says nothing
// by itself. All else of it, and of the server around it, is what clients are served by.
#include "pubsub/session.hpp"

namespace jac::cloud {

void Session::act(std::string_view message, bool known_utf8) {
    context_.hub.send(*this, known_utf8 ? Opcode::text : Opcode::binary, message);
}

void Session::reply(std::string_view /*text*/) {}
void Session::reply_error(ReplyError /*error*/, const ClientEvent& /*event*/) {}
void Session::reply_connection(std::string_view /*id*/) {}
void Session::count(EventType /*type*/, std::optional<ReplyError> /*error*/) {}
void Session::count_unread(ReplyError /*error*/, std::string_view /*type*/) {}
void Session::walker_done(std::string_view /*text*/, std::optional<ReplyError> /*error*/) {}
void Session::token_checked(std::uint64_t /*number*/, const TokenAnswer& /*answer*/) {}
void Session::publish(const ClientEvent& /*event*/, const Targets& /*targets*/) {}
const Targets& Session::targets_of(const ClientEvent& /*event*/) {
    return context_.targets;
}

}  // namespace jac::cloud
