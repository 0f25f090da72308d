// A world's course, its clock, and its wires.
#include "world.hpp"

#include <algorithm>

namespace jac::cloud::simulation {

namespace {

constexpr unsigned steps = 400;
Config world_config() {
    Config config;
    config.message_rate = 0;
    config.outbox_bytes = 4096;
    config.held_events = 4;
    config.handshake_timeout = 86400;  // token checks here take as long as they like
    return config;
}

}  // namespace

World::Shard::Shard(unsigned index, World& world)
    : hub(index, world.broker_.directory(), 1024, 1 + world.pick(8)),
      context(session_context(world.config_, world.limits_, world.broker_, hub, port,
                              {{"w", false}}, index)) {
    world.broker_.attach(port);
}

World::World(std::uint32_t seed, Defect defect)
    : seed_(seed), defect_(defect), random_(seed), config_(world_config()) {
    const auto count = 1 + pick(3);
    for (unsigned i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>(i, *this));
}

World::~World() = default;

void World::run() {
    for (step_ = 0; step_ < steps; ++step_) step();
    finish();
}

void World::step() {
    switch (pick(16)) {
        case 0:
        case 1:
            join();
            break;
        case 2:
            leave();
            break;
        case 3:
            notify();
            break;
        case 4:
        case 5:
            end_walker();
            break;
        case 6:
            answer_token();
            break;
        case 7:
            if (chance(3)) revoke();
            break;
        case 8:
            misbehave();
            break;
        case 9:
            pass_time();
            break;
        default:
            if (Member* member = random_member([](const Member& one) {
                    return one.session && !one.gone && !one.asked_to_close && one.close_code == 0 &&
                           one.kind != Member::Kind::dead;
                })) {
                send_event(*member);
            }
    }
    for (const auto& shard : shards_) {
        if (!chance(3)) run_shard(*shard);
    }
    read_wires();
    check_bounds();
}

// --- time, turns and wires

void World::pass_time() {
    const auto seconds = pick(8);
    now_ += std::chrono::seconds(seconds);
    unix_now_ += seconds;
    for (const auto& shard : shards_) {
        shard->context.now = now_;
        lose_identities(shard->context.shard,
                        [this](const Claims& claims) { return claims.expires_at <= unix_now_; });
        shard->hub.expire(unix_now_);
    }
    for (const auto& member : members_) {
        if (!member->session) continue;
        const bool unnoticed = defect_ == Defect::leak && member->gone;
        if (member->session->deadline() <= now_ && !unnoticed) member->session->on_deadline();
        const auto& claims = member->session->identity().claims;
        if (member->session->joined() && claims && claims->expires_at <= unix_now_) {
            fail(member->client_id + " lives on with an expired token");
        }
    }
    for (const auto& shard : shards_) shard->hub.flush();
}

void World::run_shard(Shard& shard) {
    auto count = pick(static_cast<unsigned>(shard.port->letters.size()) + 1);
    if (defect_ == Defect::swap && shard.port->letters.size() > 1) {
        // Not in the order that the model is told.
        auto& letters = shard.port->letters;
        const auto* const first = std::get_if<Delivery>(&letters[0]);
        const auto* const second = std::get_if<Delivery>(&letters[1]);
        if (first != nullptr && second != nullptr && first->publication && second->publication) {
            model_publish(shard.context.shard, first->publication->targets,
                          std::string(first->publication->message->payload()));
            model_publish(shard.context.shard, second->publication->targets,
                          std::string(second->publication->message->payload()));
            shard.hub.deliver(*second);
            shard.hub.deliver(*first);
            letters.pop_front();
            letters.pop_front();
            count = 0;
        }
    }
    for (; count != 0; --count) {
        auto letter = std::move(shard.port->letters.front());
        shard.port->letters.pop_front();
        take(shard, std::move(letter));
    }
    end_turn(shard);
}

// Those that a piece leaves over wait while other things happen.
void World::end_turn(Shard& shard) {
    if (shard.hub.has_gathered_enough() || chance(2)) {
        shard.hub.flush();
    } else {
        shard.hub.flush_some();
    }
}

void World::take(Shard& shard, Port::Letter letter) {
    if (const auto* const task = std::get_if<std::function<void()>>(&letter)) return (*task)();
    const auto& delivery = std::get<Delivery>(letter);
    if (delivery.publication) {
        model_publish(shard.context.shard, delivery.publication->targets,
                      std::string(delivery.publication->message->payload()));
        if (defect_ == Defect::lose && chance(20)) return;
        if (defect_ == Defect::twice && chance(20)) shard.hub.deliver(delivery);
    } else {
        for (const auto& member : members_) {
            if (member->session && member->session->number() == delivery.session &&
                member->session->joined() && member->generation == delivery.generation) {
                member->expected.emplace_back(delivery.message->payload());
            }
        }
    }
    shard.hub.deliver(delivery);
}

void World::read_wires() {
    for (const auto& member : members_) {
        if (!member->session) continue;
        if (!member->gone) read_wire(*member);
        const bool over = !member->session->joined() && member->session->ended() &&
                          (member->gone || member->session->wire.empty());
        if (over && !member->session->busy()) member->session.reset();
    }
    std::erase_if(members_, [](const auto& member) { return !member->session; });
}

void World::read_wire(Member& member) {
    auto& session = *member.session;
    if (member.kind == Member::Kind::dead) return;
    if (member.kind == Member::Kind::prompt && chance(4)) return;
    const auto most = member.kind == Member::Kind::slow ? 40 : session.wire.size();
    const auto piece = session.wire.substr(0, most);
    session.wire.erase(0, piece.size());
    if (!session.ended() || !session.outbox().empty()) session.write();
    member.stream.feed(piece);
    while (const auto frame = member.stream.next()) {
        if (member.close_code != 0) fail(member.client_id + " is sent something after the close");
        if (frame->opcode == Opcode::text) {
            if (member.read == member.expected.size()) {
                fail(member.client_id + " is sent what is not for it: " + frame->payload);
            }
            const auto& expected = member.expected[member.read++];
            if (frame->payload != expected) {
                fail(member.client_id + " is sent " + frame->payload + ", not " + expected);
            }
        } else if (frame->opcode == Opcode::ping) {
            if (!member.asked_to_close) send_bytes(member, ClientFrame{.opcode = 0xA}.bytes());
        } else if (frame->opcode == Opcode::close) {
            member.close_code = static_cast<unsigned char>(frame->payload.at(0)) * 256U +
                                static_cast<unsigned char>(frame->payload.at(1));
            const bool all = member.close_code != 4503 && member.close_code != 4408;
            if (all && member.read != member.expected.size()) {
                fail(member.client_id + " is closed with " + std::to_string(member.close_code) +
                     " before it is sent " + member.expected[member.read]);
            }
        }
    }
    if (member.close_code != 0) hang_up(member);
}

World::Member* World::random_member(const std::function<bool(const Member&)>& suits) {
    std::vector<Member*> found;
    for (const auto& member : members_) {
        if (suits(*member)) found.push_back(member.get());
    }
    return found.empty() ? nullptr : found[pick(static_cast<unsigned>(found.size()))];
}

// --- the end

// Whatever still runs ends, the prompt clients read all that is theirs, then everyone is told to
// go.
void World::finish() {
    for (int i = 0; i < 2000; ++i) {
        end_walker();
        answer_token();
        for (const auto& shard : shards_) run_shard(*shard);
        read_wires();
    }
    for (const auto& member : members_) {
        if (member->session->busy()) fail(member->client_id + " waits for an answer for ever");
        if (member->kind == Member::Kind::prompt && member->session->joined() &&
            member->read != member->expected.size()) {
            fail(member->client_id + " was never sent " + member->expected[member->read]);
        }
        if (!member->gone) member->session->close(CloseCode::going_away);
    }
    for (const auto& shard : shards_) shard->hub.flush();
    for (int i = 0; i < 200 && !members_.empty(); ++i) {
        read_wires();
        pass_time();
    }
    for (const auto& member : members_) hang_up(*member);
    read_wires();
    for (const auto& shard : shards_) {
        if (!shard->hub.empty()) fail("a hub's tables are not empty at the end");
    }
    const auto sizes = broker_.directory().sizes();
    if (sizes.clients + sizes.users + sizes.channels != 0) fail("the directory is not empty");
}

}  // namespace jac::cloud::simulation
