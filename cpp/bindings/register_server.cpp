#include <pybind11/stl.h>

#include <functional>
#include <map>
#include <memory>

#include "base/error.hpp"
#include "bindings/active_server.hpp"
#include "bindings/gil.hpp"
#include "bindings/register.hpp"
#include "bindings/register_http.hpp"
#include "bindings/unit.hpp"

namespace py = pybind11;

namespace jac::cloud {

namespace {

// --- settings

template <class Number>
void read_number(Number& into, const std::string& name, py::handle value) {
    try {
        into = value.cast<Number>();
    } catch (const py::cast_error&) {
        throw ConfigError(name, std::string(py::repr(value)) + " is not a number in its range");
    }
}

void read_client_events(ClientEvents& into, const std::string& name, py::handle value) {
    static const std::map<std::string, ClientEvents> names{
        {"anyone", ClientEvents::anyone},
        {"authenticated", ClientEvents::authenticated},
        {"members", ClientEvents::members},
        {"nobody", ClientEvents::nobody}};
    const auto found = names.find(py::str(value));
    if (found == names.end()) {
        throw ConfigError(name, "anyone, authenticated, members or nobody is allowed");
    }
    into = found->second;
}

Config read_config(const py::dict& settings) {
    Config config;
    using Read = std::function<void(const std::string&, py::handle)>;
    const auto number = [](auto& into) -> Read {
        return
            [&into](const std::string& name, py::handle value) { read_number(into, name, value); };
    };
    const std::map<std::string, Read> fields{
        {"host", [&](auto&, auto value) { config.host = py::str(value); }},
        {"port", number(config.port)},
        {"listen_fd", number(config.listen_fd)},
        {"io_threads", number(config.io_threads)},
        {"backlog", number(config.backlog)},
        {"max_connections", number(config.max_connections)},
        {"max_connections_per_address", number(config.max_connections_per_address)},
        {"trusted_proxies",
         [&](auto&, auto value) {
             config.trusted_proxies = value.template cast<std::vector<std::string>>();
         }},
        {"tls_cert", [&](auto&, auto value) { config.tls_cert = py::str(value); }},
        {"tls_key", [&](auto&, auto value) { config.tls_key = py::str(value); }},
        {"max_handshakes", number(config.max_handshakes)},
        {"max_message_bytes", number(config.max_message_bytes)},
        {"max_json_depth", number(config.max_json_depth)},
        {"max_targets", number(config.max_targets)},
        {"held_events", number(config.held_events)},
        {"message_rate", number(config.message_rate)},
        {"message_burst", number(config.message_burst)},
        {"message_timeout", number(config.message_timeout)},
        {"client_events",
         [&](auto& name, auto value) { read_client_events(config.client_events, name, value); }},
        {"client_events_policy_timeout", number(config.client_events_policy_timeout)},
        {"client_events_policy_ttl", number(config.client_events_policy_ttl)},
        {"client_events_policy_recheck", number(config.client_events_policy_recheck)},
        {"client_events_policy_answers", number(config.client_events_policy_answers)},
        {"allowed_origins",
         [&](auto&, auto value) {
             config.allowed_origins = value.template cast<std::vector<std::string>>();
         }},
        {"permessage_deflate",
         [&](auto&, auto value) { config.permessage_deflate = value.template cast<bool>(); }},
        {"deflate_min_bytes", number(config.deflate_min_bytes)},
        {"outbox_bytes", number(config.outbox_bytes)},
        {"ping_interval", number(config.ping_interval)},
        {"pong_timeout", number(config.pong_timeout)},
        {"handshake_timeout", number(config.handshake_timeout)},
        {"max_header_bytes", number(config.max_header_bytes)},
        {"max_body_bytes", number(config.max_body_bytes)},
        {"idle_timeout", number(config.idle_timeout)},
        {"body_timeout", number(config.body_timeout)},
    };
    for (const auto& [key, value] : settings) {
        const std::string name = py::str(key);
        const auto field = fields.find(name);
        if (field == fields.end()) throw ConfigError(name, "there is no such setting");
        field->second(name, value);
    }
    return config;
}

// --- ids

Identity identity_of(const std::string& root_hex) {
    const auto root = parse_node_id(root_hex);
    if (!root) throw py::value_error("not the hex digits of a root's id: " + root_hex);
    return {*root, true};
}

// --- the server

// A server dropped in a forked child is leaked: its threads are not there to be joined, and its
// locks may have been held by them.
struct LeakedInForkedChild {
    void operator()(Server* server) const {
        if (in_forked_child()) return;
        active_server().leave(*server);
        // Safe without the GIL: the server knows no Python. Needed: its threads do not take the
        // GIL, but those who wait in take_*() do, and stop() lets them go.
        const GilRelease release;
        delete server;
    }
};

std::shared_ptr<Server> make_server(const py::dict& settings) {
    return {new Server(read_config(settings)), LeakedInForkedChild{}};
}

void start(const std::shared_ptr<Server>& server) {
    refuse_in_forked_child();
    active_server().enter(server);
    watch_for_forks();
    try {
        // Safe without the GIL: the server knows no Python; resolving a host name may take long.
        const GilRelease release;
        server->start();
        ActiveServer::serves(server->port());
    } catch (...) {
        active_server().leave(*server);
        throw;
    }
}

void stop(Server& server, double grace) {
    refuse_in_forked_child();
    {
        // Safe without the GIL: as start(). Needed: walkers that finish meanwhile take it.
        const GilRelease release;
        server.stop(to_duration(grace));
    }
    active_server().leave(server);
}

template <template <class> class Lane, class Job>
std::unique_ptr<Job> take(Lane<Job>& lane) {
    // Safe without the GIL: jobs are C++ values; the lane's lock is never held while waiting for
    // it.
    const GilRelease release;
    auto job = lane.take();
    return job ? std::make_unique<Job>(std::move(*job)) : nullptr;
}

// Who waited for one that is overdue has been told, or has gone.
std::unique_ptr<TokenCheck> take_token_check(Server& server) {
    auto check = take(server.services().token_lane);
    while (check && check->overdue()) check = take(server.services().token_lane);
    return check;
}

std::optional<std::vector<LogRecord>> take_logs(Server& server) {
    // Safe without the GIL: as take().
    const GilRelease release;
    return server.services().log.take();
}

py::object logs_as_tuples(Server& server) {
    const auto records = take_logs(server);
    if (!records) return py::none();
    py::list list;
    for (const auto& record : *records) {
        py::dict fields;
        for (const auto& [name, value] : record.fields) {
            // A client's bytes may be in it, UTF-8 or not.
            fields[py::str(name)] = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
                value.data(), static_cast<Py_ssize_t>(value.size()), "backslashreplace"));
        }
        list.append(py::make_tuple(std::string(to_string(record.level)), record.event, fields));
    }
    return list;
}

// --- what the interpreter answers

void fail(WalkerJob& job, const std::string& code, const py::object& error,
          const std::optional<std::string>& ref) {
    const auto known = reply_error_from_code(code);
    if (!known) throw py::value_error("there is no error code " + code);
    std::string json;
    if (py::isinstance<py::bytes>(error)) {
        json = error.cast<std::string>();
    } else if (!error.is_none()) {
        append_json_string(json, error.cast<std::string>());
    }
    // Safe without the GIL: the reply is a C++ value, and the mailbox's lock is short.
    const GilRelease release;
    WorkerLane<WalkerJob>::ends_soon();
    job.fail(*known, json, ref);
}

void finish(WalkerJob& job, const py::bytes& reports, unsigned status,
            const std::optional<py::bytes>& body) {
    if (status < 100 || status > 599) throw py::value_error("not an HTTP status");
    const std::string text = reports;
    const std::string body_text = body ? std::string(*body) : std::string();
    // Safe without the GIL: as fail().
    const GilRelease release;
    WorkerLane<WalkerJob>::ends_soon();
    job.finish({text, status, body_text});
}

void register_jobs(py::module_& module) {
    using Request = WalkerJob::Request;
    const auto of = [](auto member) {
        return [member](const WalkerJob& job) { return job.request().*member; };
    };
    py::class_<WalkerJob>(module, "WalkerEvent")
        .def_property_readonly("walker", of(&Request::walker))
        .def_property_readonly(
            "context", [](const WalkerJob& job) { return py::bytes(job.request().context); })
        .def_property_readonly("node", of(&Request::node))
        .def_property_readonly("wants_reports", of(&Request::response))
        .def_property_readonly(
            "root_hex", [](const WalkerJob& job) { return to_hex(job.request().identity.root); })
        .def_property_readonly(
            "authenticated",
            [](const WalkerJob& job) { return job.request().identity.authenticated; })
        .def("unit",
             [](const WalkerJob& job) { return std::make_shared<Unit>(job.request().origin); })
        .def("finish", &finish, py::arg("reports"), py::arg("status") = 200,
             py::arg("body") = py::none())
        .def("fail", &fail, py::arg("code"), py::arg("error") = py::none(),
             py::arg("ref") = py::none());

    py::class_<TokenCheck>(module, "TokenCheck")
        .def_property_readonly("token", &TokenCheck::token)
        .def(
            "accept",
            [](TokenCheck& check, const std::string& root_hex, std::string user_id,
               std::string token_id, std::uint64_t epoch, std::int64_t expires_at) {
                auto identity = identity_of(root_hex);
                identity.claims =
                    std::make_shared<const Claims>(Claims{std::move(user_id), std::move(token_id),
                                                          epoch, expires_at, check.revocations()});
                // Safe without the GIL: as fail().
                const GilRelease release;
                check.answer(std::move(identity));
            },
            py::arg("root_hex"), py::arg("user_id"), py::arg("token_id"), py::arg("epoch"),
            py::arg("expires_at"))
        .def("reject",
             [](TokenCheck& check) {
                 // Safe without the GIL: as fail().
                 const GilRelease release;
                 check.answer(TokenProblem::invalid);
             })
        .def("give_up", [](TokenCheck& check) {
            // Safe without the GIL: as fail().
            const GilRelease release;
            check.answer(TokenProblem::unchecked);
        });
}

}  // namespace

void register_server(py::module_& module) {
    register_jobs(module);
    module.def("refuse_in_forked_child", &refuse_in_forked_child);
    py::class_<Server, std::shared_ptr<Server>>(module, "Server")
        .def(py::init(&make_server), py::arg("config"))
        .def(
            "set_walkers",
            [](Server& server, const std::map<std::string, bool>& walkers) {
                auto table = std::make_shared<const WalkerTable>(walkers.begin(), walkers.end());
                // Safe without the GIL: as fail(). stop() may hold the lock while walkers finish.
                const GilRelease release;
                server.set_walkers(std::move(table));
            },
            py::arg("walkers"))
        .def(
            "set_policy",
            [](Server& server, const std::string& walker, bool wants_user) {
                // Safe without the GIL: as fail().
                const GilRelease release;
                server.set_policy(walker, wants_user);
            },
            py::arg("walker"), py::arg("wants_user"))
        .def("start", &start)
        .def_property_readonly("port", &Server::port)
        .def("take_event", [](Server& server) { return take(server.services().walker_lane); })
        .def("take_token_check", &take_token_check)
        .def("leave_events",
             [](Server& server) {
                 // Safe without the GIL: as take().
                 const GilRelease release;
                 server.services().walker_lane.leave();
             })
        .def("take_question", [](Server& server) { return take(server.services().policy_lane); })
        .def("take_logs", &logs_as_tuples)
        .def_property_readonly("http_fd", &http_fd)
        .def("take_http", &take_http)
        .def(
            "revoke",
            [](Server& server, std::string user_id, std::uint64_t number,
               const std::optional<std::string>& token_id,
               const std::optional<std::string>& spared) {
                refuse_in_forked_child();
                const Revocation revocation{std::move(user_id), token_id.value_or(""),
                                            spared.value_or(""), number};
                // Safe without the GIL: as fail().
                const GilRelease release;
                server.revoke(revocation);
            },
            py::arg("user_id"), py::arg("number"), py::arg("token_id") = py::none(),
            py::arg("spared") = py::none())
        .def("reload_tls",
             [](Server& server) {
                 refuse_in_forked_child();
                 // Safe without the GIL: as start(); files may be slow to read.
                 const GilRelease release;
                 server.reload_tls();
             })
        .def_property_readonly("certificate_expires_at", &Server::certificate_expires_at)
        .def("drain",
             [](Server& server) {
                 refuse_in_forked_child();
                 // Safe without the GIL: as stop().
                 const GilRelease release;
                 server.drain();
             })
        .def("stop", &stop, py::arg("grace") = 0.0)
        .def("stats",
             [](const Server& server) {
                 py::dict stats;
                 for (const auto& [name, value] : server.stats()) stats[py::str(name)] = value;
                 return stats;
             })
        .def("event_counts",
             [](const Server& server) {
                 py::list counts;
                 for (const auto& [type, result, count] : server.event_counts()) {
                     counts.append(py::make_tuple(type, result, count));
                 }
                 return counts;
             })
        .def(
            "limit_reached",
            [](Server& server, const std::string& setting, const std::string& field,
               const std::string& who) {
                const auto limit = limit_from_setting(setting);
                if (!limit) throw py::value_error("there is no limit " + setting);
                // Safe without the GIL: as fail().
                const GilRelease release;
                server.services().limits.reached(*limit, field, who);
            },
            py::arg("setting"), py::arg("field"), py::arg("who"))
        .def("limit_counts",
             [](Server& server) {
                 py::dict counts;
                 for (const auto& [limit, setting, level] : known_limits) {
                     counts[py::str(std::string(setting))] = server.services().limits.count(limit);
                 }
                 return counts;
             })
        .def("http_counts",
             [](const Server& server) {
                 py::dict counts;
                 for (const auto& [status, count] : server.http_counts()) {
                     counts[py::int_(status)] = count;
                 }
                 return counts;
             })
        .def("notification_counts", [](const Server& server) {
            const auto& counters = server.broker()->notifications();
            py::dict counts;
            counts["self"] = counters.self.value();
            counts["users"] = counters.users.value();
            counts["channels"] = counters.channels.value();
            counts["clients"] = counters.clients.value();
            return counts;
        });

    // Who exits without stop() is stopped here, while Python can still let its threads go.
    py::module_::import("atexit").attr("register")(py::cpp_function([] {
        if (in_forked_child()) return;
        if (const auto server = active_server().server()) stop(*server, 0);
        GilRelease::close();
    }));
}

}  // namespace jac::cloud
