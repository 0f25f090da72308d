#include "deflate/inflater.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/zlib/inflate_stream.hpp>
#include <string>

#include "deflate/deflater.hpp"

namespace jac::cloud {

namespace zlib = boost::beast::zlib;

namespace {

constexpr std::string_view flush_marker("\x00\x00\xFF\xFF", 4);
constexpr std::size_t least_scratch = std::size_t{16} << 10;
constexpr std::size_t kept_scratch = std::size_t{64} << 10;

// zlib says so in data_type: it stands between two blocks.
constexpr int between_blocks = 128;

}  // namespace

struct Inflater::Stream {
    zlib::inflate_stream zlib;
    std::string scratch;
};

Inflater::Inflater() = default;
Inflater::~Inflater() = default;

Inflated Inflater::inflate(std::string_view payload, std::size_t limit) {
    if (!stream_) stream_ = std::make_unique<Stream>();
    auto& [stream, scratch] = *stream_;
    stream.reset(max_window_bits);
    if (scratch.size() > kept_scratch) std::string().swap(scratch);
    const auto most = limit + 1;  // one more shows that it is too big
    if (scratch.empty()) scratch.resize(std::min(least_scratch, most));

    std::size_t written = 0;
    for (const auto piece : {payload, flush_marker}) {
        zlib::z_params step{};
        step.next_in = piece.data();
        step.avail_in = piece.size();
        while (true) {
            if (written == scratch.size()) {
                scratch.resize(std::clamp(scratch.size() * 2, written + 1, most));
            }
            step.next_out = scratch.data() + written;
            step.avail_out = scratch.size() - written;
            boost::system::error_code error;
            stream.write(step, zlib::Flush::sync, error);
            written = scratch.size() - step.avail_out;
            if (written > limit) return {Inflation::too_big, {}};
            // A last block is allowed (section 7.2.3.4); nothing behind it is read.
            if (error == zlib::error::end_of_stream) {
                return {Inflation::whole, {scratch.data(), written}};
            }
            if (error && error != zlib::error::need_buffers) return {Inflation::corrupt, {}};
            if (step.avail_out != 0) break;  // there was room, so there is no more to be had
        }
        if (piece.data() == flush_marker.data() && (step.data_type & between_blocks) == 0) {
            return {Inflation::corrupt, {}};
        }
    }
    return {Inflation::whole, {scratch.data(), written}};
}

}  // namespace jac::cloud
