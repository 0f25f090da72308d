// Compression by itself: what is written can be read again, and what anyone wrote costs no more
// than the limit. The first two bytes of an input are the limit.
#include <string>
#include <string_view>

#include "check.hpp"
#include "deflate/deflater.hpp"
#include "deflate/inflater.hpp"

namespace jac::cloud::fuzz {

void run(Bytes input) {
    const std::size_t limit = 1 + input.word() % 2000;
    const auto bytes = input.rest();
    static Deflater deflater;
    static Inflater inflater;  // what one message left behind must not change the next

    const auto stranger = inflater.inflate(bytes, limit);
    if (stranger.outcome == Inflation::whole) {
        check(stranger.message.size() <= limit, "longer than the limit");
        const std::string message(stranger.message);
        Inflater fresh;
        const auto again = fresh.inflate(bytes, limit);
        check(again.outcome == Inflation::whole && again.message == message, "read differently");
        if (!message.empty()) {
            check(inflater.inflate(bytes, message.size() - 1).outcome == Inflation::too_big,
                  "one byte too many was not seen");
        }
    }
    for (const int window : {min_window_bits, max_window_bits}) {
        const auto compressed = deflater.compress(bytes, window);
        if (!compressed) continue;
        check(compressed->size() < bytes.size(), "compressed, it is no shorter");
        const auto back = inflater.inflate(*compressed, bytes.size());
        check(back.outcome == Inflation::whole && back.message == bytes, "not what was written");
    }
}

}  // namespace jac::cloud::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    jac::cloud::fuzz::run({data, size});
    return 0;
}
