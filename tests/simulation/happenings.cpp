// What happens in a world: clients come, go and send, walkers and token checks end, tokens are
// revoked.
#include <algorithm>
#include <array>

#include "world.hpp"

namespace jac::cloud::simulation {

namespace {

constexpr std::array<std::string_view, 4> channels{"red", "green", "blue", "grey"};
constexpr unsigned users = 4;

std::string token_name(unsigned user, unsigned serial) {
    return "token-" + std::to_string(user) + "-" + std::to_string(serial);
}

}  // namespace

// --- clients come and go

void World::join() {
    auto member = std::make_unique<Member>();
    member->shard = pick(static_cast<unsigned>(shards_.size()));
    member->client_id = "client" + std::to_string(++last_number_);
    member->channel = channels[pick(channels.size())];
    if (chance(2)) {
        const Token& token = random_token();
        if (!token.revoked && token.identity.claims->expires_at > unix_now_) {
            member->identity = token.identity;
            auto claims = *token.identity.claims;
            claims.checked_at = revocations_;
            member->identity.claims = std::make_shared<const Claims>(std::move(claims));
            // Much may happen between the check and the opening.
            if (chance(3)) revoke();
            for (const auto& shard : shards_) {
                if (chance(2)) run_shard(*shard);
            }
        }
    }
    auto& shard = *shards_[member->shard];
    member->session = std::make_unique<SimulatedSession>(
        shard.context, last_number_, member->client_id, member->channel, member->identity);
    if (chance(6)) member->kind = chance(3) ? Member::Kind::dead : Member::Kind::slow;
    if (member->kind == Member::Kind::slow) member->session->wire_room = 512;
    if (member->kind == Member::Kind::dead) member->session->wire_room = 2048;
    if (!revoked_since(*member, member->identity)) {
        member->expected.push_back(
            connection_reply(member->client_id, member->identity.root, member->channel, {}));
    }
    members_.push_back(std::move(member));
    members_.back()->session->open("");
    end_turn(shard);
}

void World::leave() {
    Member* const member = random_member(
        [](const Member& one) { return one.session && !one.gone && !one.asked_to_close; });
    if (member == nullptr) return;
    if (chance(2) || member->kind == Member::Kind::dead) {
        hang_up(*member);
    } else {
        member->asked_to_close = true;
        send_bytes(*member, close_frame(1000));
    }
}

// The client's socket is gone, and with it what it has not read.
void World::hang_up(Member& member) {
    member.gone = true;
    if (defect_ == Defect::leak && chance(4)) return;
    member.session->lost();
}

void World::misbehave() {
    Member* const member = random_member([](const Member& one) {
        return one.session && !one.gone && !one.asked_to_close && one.close_code == 0;
    });
    if (member == nullptr) return;
    if (chance(4)) {
        member->asked_to_close = true;  // and says nothing more
        send_bytes(*member, ClientFrame{.payload = "not masked", .masked = false}.bytes());
    } else if (member->kind == Member::Kind::slow && chance(2)) {
        member->kind = Member::Kind::prompt;
        member->session->wire_room = std::size_t{1} << 20;
    } else if (member->kind == Member::Kind::prompt) {
        member->kind = Member::Kind::slow;
        member->session->wire_room = 512;
    }
}

// --- what clients send

void World::send_event(Member& member) {
    say(member, random_event());
}

void World::say(Member& member, Event event) {
    push_unsent(member);
    const auto bytes = text_frame(event.text);
    if (!member.session->reading() || !member.unsent.empty()) {
        member.unsent.push_back(event.text);
        return;
    }
    if (!member.session->joined()) {
        send_bytes(member, bytes);
        return;
    }
    if (member.busy) {
        member.held.push_back(std::move(event));
        send_bytes(member, bytes);
        return;
    }
    model_event(member, event);
    if (event.kind != Event::Kind::publish) {
        send_bytes(member, bytes);
        return;
    }
    const std::vector<std::string_view> names(event.names.begin(), event.names.end());
    check_posted(Targets(event.targets, names), [&] { send_bytes(member, bytes); }, member.shard);
}

void World::send_bytes(Member& member, std::string bytes) {
    member.session->receive(bytes);
    end_turn(*shards_[member.shard]);
    for (auto& token : std::exchange(member.session->tokens, {})) {
        member.asked.push_back({std::move(token), revocations_});
    }
}

// Events that waited for the connection to be read again are dropped: who sends so much is not
// what is looked at here.
void World::push_unsent(Member& member) {
    if (member.session->reading()) member.unsent.clear();
}

World::Event World::random_event() {
    switch (pick(8)) {
        case 0:
            return {Event::Kind::walker,
                    R"({"type":"walker","walker":"w","response":true,"context":{}})"};
        case 1: {
            if (chance(3)) {
                return {Event::Kind::change_user, R"({"type":"change_user","token":"nobody's"})"};
            }
            random_token();
            auto at = tokens_.begin();
            std::advance(at, pick(static_cast<unsigned>(tokens_.size())));
            return {Event::Kind::change_user,
                    R"({"type":"change_user","token":")" + at->first + "\"}"};
        }
        case 2:
            return {Event::Kind::connection, R"({"type":"connection"})"};
        default:
            break;
    }
    const auto kind = static_cast<TargetKind>(pick(3));
    Event event{Event::Kind::publish, {}, kind, random_names(kind)};
    event.payload = "{\"m\":" + std::to_string(++last_message_) + ",\"x\":\"" +
                    std::string(pick(300), 'x') + "\"}";
    constexpr std::array<std::string_view, 3> types{"client", "user", "channel"};
    constexpr std::array<std::string_view, 3> lists{"client_ids", "root_ids", "channel_ids"};
    const auto index = static_cast<std::size_t>(kind);
    event.text =
        "{\"type\":\"" + std::string(types[index]) + "\",\"" + std::string(lists[index]) + "\":[";
    for (std::size_t i = 0; i < event.names.size(); ++i) {
        event.text += (i == 0 ? "\"" : ",\"") + event.names[i] + "\"";
    }
    event.text += "],\"data\":" + event.payload + "}";
    return event;
}

std::vector<std::string> World::random_names(TargetKind kind) {
    std::vector<std::string> names;
    for (unsigned i = 0; i <= pick(3); ++i) {
        if (kind == TargetKind::channel) {
            names.emplace_back(channels[pick(channels.size())]);
        } else if (kind == TargetKind::user) {
            names.push_back(format_node_id({0, 1 + pick(users + 1)}));
        } else {
            const auto latest = static_cast<unsigned>(last_number_);
            names.push_back("client" + std::to_string(latest - pick(std::min(latest, 20U) + 1)));
        }
    }
    return names;
}

// --- walkers and tokens

void World::notify() {
    const auto kind = static_cast<TargetKind>(pick(3));
    const auto texts = random_names(kind);
    const std::vector<std::string_view> names(texts.begin(), texts.end());
    const Targets targets(kind, names);
    const auto payload = "{\"n\":" + std::to_string(++last_message_) + "}";
    check_posted(
        targets,
        [&] {
            broker_.publish(std::make_shared<const Publication>(
                Publication{targets, std::make_shared<const Message>(payload)}));
        },
        std::nullopt);
}

// A walker that runs may notify its caller, then ends.
void World::end_walker() {
    Member* const member = random_member(
        [](const Member& one) { return one.session && !one.session->walkers.empty(); });
    if (member == nullptr) return;
    const auto request = std::move(member->session->walkers.front());
    member->session->walkers.pop_front();
    for (unsigned i = 0; i < pick(3); ++i) {
        const auto text = "{\"self\":" + std::to_string(++last_message_) + "}";
        request.origin.send(std::make_shared<const Message>(text));
    }
    const auto number = member->session->number();
    const auto text = walker_reply("w", {"[" + std::to_string(++last_message_) + "]"}, {});
    shards_[member->shard]->port->post([this, number, text] {
        for (const auto& one : members_) {
            if (!one->session || one->session->number() != number) continue;
            if (one->session->joined()) one->expected.push_back(text);
            model_resume(*one);
            one->session->walker_done(text);
            for (auto& token : std::exchange(one->session->tokens, {})) {
                one->asked.push_back({std::move(token), revocations_});
            }
        }
    });
}

World::Token& World::random_token() {
    const auto user = pick(users);
    const auto name = token_name(user, pick(3));
    const auto found = tokens_.find(name);
    if (found != tokens_.end() && !found->second.revoked &&
        found->second.identity.claims->expires_at > unix_now_) {
        return found->second;
    }
    const auto fresh = token_name(user, 3 + last_message_++);
    const auto expires_at = unix_now_ + (chance(3) ? 1 + pick(60) : 100'000);
    Token token{{{0, 2 + user},
                 true,
                 std::make_shared<const Claims>(
                     Claims{"user" + std::to_string(user), fresh, 0, expires_at, 0})}};
    return tokens_.insert_or_assign(chance(2) ? name : fresh, std::move(token)).first->second;
}

// The store is asked, and some time later the session has the answer.
void World::answer_token() {
    Member* const member =
        random_member([](const Member& one) { return one.session && !one.asked.empty(); });
    if (member == nullptr) return;
    const AskedToken asked = std::move(member->asked.front());
    member->asked.erase(member->asked.begin());
    std::optional<Identity> identity;
    const auto found = tokens_.find(asked.token);
    if (found != tokens_.end() && !found->second.revoked &&
        found->second.identity.claims->expires_at > unix_now_) {
        identity = found->second.identity;
        auto claims = *identity->claims;
        claims.checked_at = asked.revocations;
        identity->claims = std::make_shared<const Claims>(std::move(claims));
    }
    if (chance(3)) revoke();
    const auto number = member->session->number();
    shards_[member->shard]->port->post([this, number, identity] {
        for (const auto& one : members_) {
            if (!one->session || one->session->number() != number) continue;
            const bool good = identity && !revoked_since(*one, *identity);
            one->identity = good ? *identity : Identity{};
            ++one->generation;
            if (one->session->joined()) {
                if (!good) {
                    one->expected.push_back(
                        error_reply(ReplyError::invalid_token, "change_user", {}));
                }
                one->expected.push_back(
                    connection_reply(one->client_id, one->identity.root, one->channel, {}));
            }
            model_resume(*one);
            one->session->token_checked(identity ? TokenAnswer(*identity) : TokenProblem::invalid);
            for (auto& token : std::exchange(one->session->tokens, {})) {
                one->asked.push_back({std::move(token), revocations_});
            }
        }
    });
}

void World::revoke() {
    if (tokens_.empty()) return;
    auto at = tokens_.begin();
    std::advance(at, pick(static_cast<unsigned>(tokens_.size())));
    const auto claims = *at->second.identity.claims;
    Revocation revocation{.user_id = claims.user_id};
    if (chance(2)) {
        revocation.token_id = claims.token_id;
    } else {
        revocation.number = ++last_message_;  // of a later epoch than any token's
    }
    for (auto& [name, token] : tokens_) {
        if (revocation.covers(*token.identity.claims)) token.revoked = true;
    }
    const auto count = ++revocations_;
    for (auto& shard : shards_) {
        shard->port->post([this, &shard = *shard, revocation, count] {
            shard.revocations.emplace_back(count, revocation);
            lose_identities(shard.context.shard,
                            [&revocation](const Claims& held) { return revocation.covers(held); });
            if (defect_ == Defect::forget_revocation && chance(4)) return;
            shard.hub.revoke(revocation, count);
        });
    }
}

}  // namespace jac::cloud::simulation
