// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include <bench/peers/port.hpp>
#include <netinet/in.h>
#include <uv.h>

// A server on libuv as its users write the fast ones: one read buffer for all connections, and uv_try_write
// before anything is queued. Private to the peers of the bench.

namespace penstock::bench {

/// `Connection` has `void receive(std::string_view, std::string& out)`, which appends what is to be sent, and
/// `bool ended`, set when the connection is to be closed behind it. Owner: libuv's loop.
template <class Connection>
class UvServer {
public:
    [[noreturn]] static void run(std::uint16_t port) {
        static uv_tcp_t listener;
        auto* loop = uv_default_loop();
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(port);
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        check(uv_tcp_init(loop, &listener), "uv_tcp_init");
        check(uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&name), 0), "uv_tcp_bind");
        check(uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 1024, on_connection), "uv_listen");
        uv_run(loop, UV_RUN_DEFAULT);
        std::exit(1);
    }

private:
    struct Client {
        uv_tcp_t socket{};
        Connection connection;
    };
    struct Write {
        uv_write_t request{};
        std::string bytes;
    };

    static void check(int error, const char* what) {
        if (error == 0) return;
        std::fprintf(stderr, "%s: %s\n", what, uv_strerror(error));
        std::exit(1);
    }
    static uv_stream_t* stream(Client& client) { return reinterpret_cast<uv_stream_t*>(&client.socket); }

    static void close(Client& client) {
        auto* handle = reinterpret_cast<uv_handle_t*>(&client.socket);
        if (uv_is_closing(handle)) return;
        uv_close(handle, [](uv_handle_t* closed) { delete static_cast<Client*>(closed->data); });
    }

    static void on_connection(uv_stream_t* listener, int status) {
        check(status, "accept");
        auto* client = new Client;
        check(uv_tcp_init(listener->loop, &client->socket), "uv_tcp_init");
        client->socket.data = client;
        check(uv_accept(listener, stream(*client)), "uv_accept");
        uv_tcp_nodelay(&client->socket, 1);
        check(uv_read_start(stream(*client), on_room, on_read), "uv_read_start");
    }

    static void on_room(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
        static std::array<char, 64 * 1024> room;
        *buffer = uv_buf_init(room.data(), room.size());
    }

    static void on_read(uv_stream_t* from, ssize_t count, const uv_buf_t* buffer) {
        auto& client = *static_cast<Client*>(from->data);
        if (count < 0) return close(client);
        static std::string out;
        out.clear();
        client.connection.receive(std::string_view(buffer->base, static_cast<std::size_t>(count)), out);
        if (!out.empty()) write(client, out);
        if (client.connection.ended) close(client);
    }

    static void write(Client& client, std::string_view bytes) {
        // A libuv buffer is for both directions, so it is not const; writing leaves it alone.
        auto buffer = uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
        const int sent = uv_try_write(stream(client), &buffer, 1);
        if (sent < 0 && sent != UV_EAGAIN) return close(client);
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        if (bytes.empty()) return;
        auto* rest = new Write{.bytes = std::string(bytes)};
        rest->request.data = rest;
        buffer = uv_buf_init(rest->bytes.data(), static_cast<unsigned>(rest->bytes.size()));
        uv_write(&rest->request, stream(client), &buffer, 1,
                 [](uv_write_t* done, int) { delete static_cast<Write*>(done->data); });
    }
};

}  // namespace penstock::bench
