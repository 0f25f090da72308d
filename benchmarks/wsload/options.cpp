#include "options.hpp"

#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace jac::cloud::bench {
namespace {

std::vector<int> parse_pids(const std::string& text) {
    std::vector<int> pids;
    std::istringstream list(text);
    for (std::string pid; std::getline(list, pid, ',');) pids.push_back(std::stoi(pid));
    return pids;
}

Test parse_test(const std::string& name) {
    static const std::map<std::string, Test> tests{{"echo", Test::echo},
                                                   {"walker", Test::walker},
                                                   {"ping", Test::ping},
                                                   {"fanout", Test::fanout},
                                                   {"idle", Test::idle}};
    const auto found = tests.find(name);
    if (found == tests.end()) throw std::invalid_argument("unknown --test " + name);
    return found->second;
}

}  // namespace

Options parse_options(int argc, char** argv) {
    Options options;
    const auto text = [](std::string& field) {
        return [&field](const std::string& value) { field = value; };
    };
    const auto integer = [](int& field) {
        return [&field](const std::string& value) { field = std::stoi(value); };
    };
    const auto number = [](double& field) {
        return [&field](const std::string& value) { field = std::stod(value); };
    };
    const std::map<std::string_view, std::function<void(const std::string&)>> setters{
        {"--host", text(options.host)},
        {"--port", integer(options.port)},
        {"--proto", text(options.protocol)},
        {"--test", text(options.test_name)},
        {"--channel", text(options.channel)},
        {"--walker", text(options.walker)},
        {"--context", text(options.context)},
        {"--label", text(options.label)},
        {"--path", text(options.path)},
        {"--body", text(options.body)},
        {"--n", integer(options.connections)},
        {"--window", integer(options.window)},
        {"--publishers", integer(options.publishers)},
        {"--batch", integer(options.batch)},
        {"--sources", integer(options.sources)},
        {"--depth", integer(options.depth)},
        {"--ramp", integer(options.ramp)},
        {"--payload", integer(options.payload_bytes)},
        {"--nap", integer(options.nap_us)},
        {"--dur", number(options.duration_s)},
        {"--warm", number(options.warmup_s)},
        {"--settle", number(options.settle_s)},
        {"--connect-timeout", number(options.connect_timeout_s)},
        {"--drain", number(options.drain_s)},
        {"--rate", number(options.rate)},
        {"--stall", number(options.stall_fraction)},
        {"--stall-rcvbuf", integer(options.stall_rcvbuf_bytes)},
        {"--pid", [&](const std::string& value) { options.server_pids = parse_pids(value); }},
    };
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        if (flag == "--timeline" || flag == "--by-walker") {
            (flag == "--timeline" ? options.timeline : options.published_by_walker) = true;
            continue;
        }
        const auto setter = setters.find(flag);
        if (setter == setters.end()) {
            throw std::invalid_argument("unknown option " + std::string(flag));
        }
        if (++i >= argc) throw std::invalid_argument(std::string(flag) + " needs a value");
        try {
            setter->second(argv[i]);
        } catch (const std::logic_error&) {  // of stoi and stod, which name only themselves
            throw std::invalid_argument(std::string(flag) + ": not a number: " + argv[i]);
        }
    }
    options.test = parse_test(options.test_name);
    if (options.batch > 1 && (!options.published_by_walker || options.rate > 0)) {
        throw std::invalid_argument("--batch goes with --by-walker, without --rate");
    }
    if (options.batch > options.window) throw std::invalid_argument("--batch exceeds --window");
    return options;
}

}  // namespace jac::cloud::bench
