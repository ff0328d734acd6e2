// SPDX-License-Identifier: Apache-2.0
// Boost.Asio's echo, for messages of 1 KiB: one thread without locks, the executor's own type instead of the
// polymorphic one, and handlers that hold a pointer, so that their memory is recycled.
#include <array>
#include <utility>

#include <bench/peers/port.hpp>
#include <boost/asio.hpp>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Failure = boost::system::error_code;

/// Owns itself, until an operation fails.
class Session {
public:
    explicit Session(Socket socket) : socket_(std::move(socket)) { socket_.set_option(tcp::no_delay(true)); }

    void read() {
        socket_.async_read_some(asio::buffer(room_), [this](Failure failure, std::size_t count) {
            if (failure)
                delete this;
            else
                write(count);
        });
    }

private:
    void write(std::size_t count) {
        asio::async_write(socket_, asio::buffer(room_, count), [this](Failure failure, std::size_t) {
            if (failure)
                delete this;
            else
                read();
        });
    }

    Socket socket_;
    std::array<char, 1024> room_;
};

void accept(Acceptor& acceptor) {
    acceptor.async_accept([&acceptor](Failure failure, Socket socket) {
        if (!failure) (new Session(std::move(socket)))->read();
        accept(acceptor);
    });
}

}  // namespace

int main(int argc, char** argv) {
    const tcp::endpoint address(asio::ip::address_v4::loopback(), penstock::bench::port_argument(argc, argv));
    asio::io_context context(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE);
    Acceptor acceptor(context, address);
    acceptor.listen(1024);
    accept(acceptor);
    context.run();
}
