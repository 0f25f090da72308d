#pragma once

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/close_code.hpp"

namespace jac::cloud::test {

// A client of another make than the server: Boost.Beast's own WebSocket, blocking.
class WsClient {
  public:
    explicit WsClient(std::uint16_t port, const std::string& target = "/websocket",
                      const std::string& authorization = {})
        : socket_(io_) {
        boost::beast::get_lowest_layer(socket_).connect(
            {boost::asio::ip::make_address("127.0.0.1"), port});
        socket().set_option(boost::asio::ip::tcp::no_delay(true));
        if (!authorization.empty()) {
            socket_.set_option(boost::beast::websocket::stream_base::decorator(
                [&](boost::beast::websocket::request_type& request) {
                    request.set(boost::beast::http::field::authorization, authorization);
                }));
        }
        socket_.handshake("127.0.0.1:" + std::to_string(port), target);
    }

    void send(const std::string& text) { socket_.write(boost::asio::buffer(text)); }
    void send(const nlohmann::json& event) { send(event.dump()); }

    std::string receive_text() {
        boost::beast::flat_buffer buffer;
        socket_.read(buffer);
        return boost::beast::buffers_to_string(buffer.data());
    }
    nlohmann::json receive() { return nlohmann::json::parse(receive_text()); }

    // Reads until the end; the close frame's code.
    CloseCode wait_for_close() {
        boost::beast::error_code error;
        while (!error) {
            boost::beast::flat_buffer buffer;
            socket_.read(buffer, error);
        }
        return static_cast<CloseCode>(socket_.reason().code);
    }
    void close() { socket_.close(boost::beast::websocket::close_code::normal); }
    // Ends without a goodbye.
    void drop() { boost::beast::get_lowest_layer(socket_).close(); }

    boost::asio::ip::tcp::socket& socket() { return boost::beast::get_lowest_layer(socket_); }

  private:
    boost::asio::io_context io_;
    boost::beast::websocket::stream<boost::asio::ip::tcp::socket> socket_;
};

}  // namespace jac::cloud::test
