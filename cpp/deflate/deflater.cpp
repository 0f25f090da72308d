#include "deflate/deflater.hpp"

#include <array>
#include <boost/beast/zlib/deflate_stream.hpp>
#include <string>

namespace jac::cloud {

namespace zlib = boost::beast::zlib;

namespace {

// What a flush ends with, and a compressed message leaves out.
constexpr std::string_view flush_marker("\x00\x00\xFF\xFF", 4);
constexpr std::size_t kept_scratch = std::size_t{64} << 10;
// On an I/O thread speed counts: the best level takes three times as long for a tenth less.
constexpr int level = 1;
constexpr int memory_level = 8;

}  // namespace

struct Deflater::Streams {
    std::array<std::unique_ptr<zlib::deflate_stream>, max_window_bits - min_window_bits + 1> sized;
    std::string scratch;
};

Deflater::Deflater() = default;
Deflater::~Deflater() = default;

std::optional<std::string_view> Deflater::compress(std::string_view message, int window_bits) {
    if (!streams_) streams_ = std::make_unique<Streams>();
    auto& stream = streams_->sized.at(static_cast<std::size_t>(window_bits - min_window_bits));
    if (!stream) stream = std::make_unique<zlib::deflate_stream>();
    stream->reset(level, window_bits, memory_level, zlib::Strategy::normal);

    auto& scratch = streams_->scratch;
    if (scratch.size() > kept_scratch) std::string().swap(scratch);
    // Longer than this it is of no use, so there is no room for it.
    const auto room = message.size() + flush_marker.size();
    if (scratch.size() < room) scratch.resize(room);

    zlib::z_params step{};
    step.next_in = message.data();
    step.avail_in = message.size();
    step.next_out = scratch.data();
    step.avail_out = room;
    boost::system::error_code error;
    stream->write(step, zlib::Flush::sync, error);
    if (error || step.avail_in != 0 || step.avail_out == 0) return std::nullopt;
    const auto size = room - step.avail_out - flush_marker.size();
    if (size >= message.size()) return std::nullopt;
    return std::string_view(scratch.data(), size);
}

}  // namespace jac::cloud
