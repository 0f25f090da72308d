// Plain Boost.Beast, as its examples have it, in one thread: /echo returns, /pub goes to every
// /sub. usage: beast_server PORT
#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using beast::error_code;
using boost::asio::ip::tcp;

using Text = std::shared_ptr<const std::string>;

class Session : public std::enable_shared_from_this<Session> {
  public:
    explicit Session(tcp::socket socket) : stream_(std::move(socket)) {}
    ~Session() { subscribers.erase(this); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void start() {
        error_code ignored;
        stream_.next_layer().set_option(tcp::no_delay(true), ignored);
        beast::http::async_read(stream_.next_layer(), buffer_, request_,
                                [self = shared_from_this()](error_code error, std::size_t) {
                                    if (!error) self->upgrade();
                                });
    }

  private:
    void upgrade() {
        path_ = request_.target();
        stream_.async_accept(request_, [self = shared_from_this()](error_code error) {
            if (error) return;
            if (self->path_ == "/sub") subscribers.insert(self.get());
            self->stream_.text(true);
            self->request_ = {};
            self->buffer_ = beast::flat_buffer();
            self->read();
        });
    }

    void read() {
        stream_.async_read(buffer_, [self = shared_from_this()](error_code error, std::size_t) {
            if (error) return;
            const auto text =
                std::make_shared<const std::string>(beast::buffers_to_string(self->buffer_.data()));
            self->buffer_.consume(self->buffer_.size());
            if (self->path_ == "/echo") self->send(text);
            if (self->path_ == "/pub") {
                for (Session* subscriber : subscribers) subscriber->send(text);
            }
            self->read();
        });
    }

    void send(Text text) {
        queue_.push_back(std::move(text));
        if (queue_.size() == 1) write();
    }

    void write() {
        stream_.async_write(asio::buffer(*queue_.front()),
                            [self = shared_from_this()](error_code error, std::size_t) {
                                if (error) return;
                                self->queue_.pop_front();
                                if (!self->queue_.empty()) self->write();
                            });
    }

    inline static std::unordered_set<Session*> subscribers;

    beast::websocket::stream<tcp::socket> stream_;
    beast::flat_buffer buffer_;
    beast::http::request<beast::http::empty_body> request_;
    std::string path_;
    std::deque<Text> queue_;
};

}  // namespace

int main(int, char** words) {
    asio::io_context context(1);
    const auto port = static_cast<unsigned short>(std::atoi(words[1]));
    tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
    acceptor.listen(4096);
    const std::function<void()> accept = [&] {
        acceptor.async_accept([&](error_code error, tcp::socket socket) {
            if (!error) std::make_shared<Session>(std::move(socket))->start();
            accept();
        });
    };
    accept();
    context.run();
}
