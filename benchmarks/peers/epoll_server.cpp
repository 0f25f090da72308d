// The floor to compare with: a hand-written epoll loop that does the least a WebSocket server can.
// usage: epoll_server PORT direct|batch
//   direct: one send() for each subscriber and message, at once
//   batch:  the frames of one turn of the loop joined in one buffer, one send() for each subscriber
// It serves wsload alone: the handshake answers the one key that wsload sends, messages stay under
// 64 KiB, and nothing is checked.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t outbox_bytes = 1 << 20;

struct Client {
    explicit Client(int descriptor) : fd(descriptor) {}

    enum class Role : std::uint8_t { unknown, echo, subscriber, publisher };

    int fd;
    Role role = Role::unknown;
    bool dead = false;
    bool waits_to_write = false;
    std::size_t subscriber_index = 0;
    std::string in;
    std::string out;
};

class Server {
  public:
    Server(std::uint16_t port, bool batch) : batch_(batch), epoll_(epoll_create1(0)) {
        listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        const int on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
            listen(listener_, 4096) != 0) {
            std::perror("listen");
            std::exit(1);
        }
        watch(listener_, EPOLL_CTL_ADD, EPOLLIN, nullptr);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 1024> events{};
        while (true) {
            const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < count; ++i) {
                const auto& event = events[static_cast<std::size_t>(i)];
                auto* client = static_cast<Client*>(event.data.ptr);
                if (client == nullptr) {
                    accept_all();
                    continue;
                }
                if (!client->dead && (event.events & EPOLLOUT) != 0) flush(*client);
                if (!client->dead && (event.events & ~EPOLLOUT) != 0) receive(*client);
            }
            if (!turn_.empty()) {
                for (Client* subscriber : subscribers_) put(*subscriber, turn_);
                turn_.clear();
            }
            dead_.clear();
        }
    }

  private:
    void watch(int fd, int operation, std::uint32_t events, Client* client) const {
        epoll_event event{.events = events, .data = {.ptr = client}};
        epoll_ctl(epoll_, operation, fd, &event);
    }

    void await_room(Client& client, bool wait) const {
        if (client.waits_to_write == wait) return;
        client.waits_to_write = wait;
        watch(client.fd, EPOLL_CTL_MOD, wait ? EPOLLIN | EPOLLOUT : EPOLLIN, &client);
    }

    void accept_all() const {
        for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            watch(fd, EPOLL_CTL_ADD, EPOLLIN, new Client(fd));  // ends in dead_
        }
    }

    void end(Client& client) {
        client.dead = true;
        close(client.fd);
        if (client.role == Client::Role::subscriber) {
            subscribers_[client.subscriber_index] = subscribers_.back();
            subscribers_[client.subscriber_index]->subscriber_index = client.subscriber_index;
            subscribers_.pop_back();
        }
        // Events of this turn may still name it, so it goes when the turn is over.
        dead_.emplace_back(&client);
    }

    static ssize_t send_now(const Client& client, std::string_view bytes) {
        return send(client.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    void put(Client& client, std::string_view bytes) const {
        if (client.out.empty()) {
            const ssize_t sent = send_now(client, bytes);
            if (sent < 0 && errno != EAGAIN) return;  // the loop will see its end
            bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
            if (bytes.empty()) return;
        }
        if (client.out.size() + bytes.size() > outbox_bytes) {
            shutdown(client.fd, SHUT_RDWR);  // a slow consumer
            return;
        }
        client.out += bytes;
        await_room(client, true);
    }

    void flush(Client& client) const {
        const ssize_t sent = send_now(client, client.out);
        if (sent > 0) client.out.erase(0, static_cast<std::size_t>(sent));
        if (client.out.empty()) await_room(client, false);
    }

    void receive(Client& client) {
        const ssize_t received = recv(client.fd, scratch_.data(), scratch_.size(), MSG_DONTWAIT);
        if (received < 0 && errno == EAGAIN) return;
        if (received <= 0) return end(client);
        client.in.append(scratch_.data(), static_cast<std::size_t>(received));
        if (client.role == Client::Role::unknown && !handshake(client)) return;
        std::size_t used = 0;
        while (!client.dead) {
            const std::size_t frame = take_frame(client, used);
            if (frame == 0) break;
            used += frame;
        }
        if (used == client.in.size()) {
            std::string().swap(client.in);  // an idle connection holds no buffer
        } else {
            client.in.erase(0, used);
        }
    }

    bool handshake(Client& client) {
        const auto head = client.in.find("\r\n\r\n");
        if (head == std::string::npos) return false;
        const std::string_view target = std::string_view(client.in).substr(4, 4);
        client.role = target == "/sub"   ? Client::Role::subscriber
                      : target == "/pub" ? Client::Role::publisher
                                         : Client::Role::echo;
        client.in.erase(0, head + 4);
        put(client,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            // What RFC 6455, section 1.3, answers to its example key, which is wsload's.
            "Sec-WebSocket-Accept: s3pPLBMlTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
        if (client.role == Client::Role::subscriber) {
            client.subscriber_index = subscribers_.size();
            subscribers_.push_back(&client);
        }
        return true;
    }

    // Handles the frame at this place and returns its size; 0 when it has not wholly arrived.
    std::size_t take_frame(Client& client, std::size_t at) {
        const std::size_t left = client.in.size() - at;
        if (left < 6) return 0;
        auto* head = reinterpret_cast<unsigned char*>(client.in.data() + at);
        std::size_t length = head[1] & 127;
        std::size_t header = 6;
        if (length == 126) {
            if (left < 8) return 0;
            length = static_cast<std::size_t>(head[2] << 8 | head[3]);
            header = 8;
        }
        if (left < header + length) return 0;
        const unsigned char* mask = head + header - 4;
        char* payload = client.in.data() + at + header;
        for (std::size_t i = 0; i < length; ++i) {
            payload[i] = static_cast<char>(payload[i] ^ mask[i & 3]);
        }
        const int opcode = head[0] & 15;
        if (opcode == 1 || opcode == 2) on_message(client, {payload, length});
        if (opcode == 8) end(client);
        return header + length;
    }

    void on_message(Client& client, std::string_view message) {
        std::string frame(1, static_cast<char>(0x81));
        if (message.size() < 126) {
            frame += static_cast<char>(message.size());
        } else {
            frame +=
                {126, static_cast<char>(message.size() >> 8), static_cast<char>(message.size())};
        }
        frame += message;
        if (client.role == Client::Role::echo) {
            put(client, frame);
        } else if (client.role == Client::Role::publisher && batch_) {
            turn_ += frame;
        } else if (client.role == Client::Role::publisher) {
            for (Client* subscriber : subscribers_) put(*subscriber, frame);
        }
    }

    const bool batch_;
    const int epoll_;
    int listener_;
    std::vector<Client*> subscribers_;
    std::vector<std::unique_ptr<Client>> dead_;
    std::string turn_;  // frames for all subscribers, sent when the turn is over
    std::vector<char> scratch_ = std::vector<char>(1 << 17);
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) {
        std::fputs("usage: epoll_server PORT direct|batch\n", stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    Server(static_cast<std::uint16_t>(std::atoi(argv[1])), std::string_view(argv[2]) == "batch")
        .run();
}
