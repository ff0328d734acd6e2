// SPDX-License-Identifier: Apache-2.0
// The bare reactor: an echo at 127.0.0.1:7000 with a timer, a post and a move. A line "move" takes the
// connection to the least loaded worker.
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/timer.hpp>
using namespace penstock;

struct Meter {  // one per worker; worker 0 keeps the total
    explicit Meter(Worker& w) : tick(w, [this, &w] { report(w); }) { tick.arm_every(10s); }
    void report(Worker& worker) {
        // What crosses threads captures nothing.
        auto add = [](Worker& first, std::uint64_t n) { first.local<Meter>().total += n; };
        if (worker.reactor().worker(0).post(add, bytes) == Posted::ok) bytes = 0;  // full: next time
        if (worker.index() == 0) worker.log().info("echoed", {"bytes", total});
    }
    std::uint64_t bytes = 0, total = 0;
    Timer tick;
};

struct Echo final : events::SocketHandler, events::Movable {
    void on_read(TcpSocket& socket, Slice piece) override {
        socket.worker().local<Meter>().bytes += piece.size();
        const bool leave = piece.text() == "move\n";
        socket.ready_to_read(socket.write(std::move(piece)) == Sent::more);  // it doesn't read: nor do we
        if (leave) move(socket);
    }
    void on_writable(TcpSocket& socket) override { socket.ready_to_read(true); }
    static void move(TcpSocket& socket) {
        Worker& here = socket.worker();
        auto leaving =
            socket.detach([&here](Detached<TcpSocket> bundle) {  // unsent bytes, this Echo: all in it
                auto adopt = [](Worker& there, Detached<TcpSocket> d) { there.adopt(std::move(d)); };
                if (here.reactor().least_loaded().post(adopt, std::move(bundle)) != Posted::ok)
                    here.adopt(std::move(bundle));  // refused: the argument is still ours
            });
        if (!leaving) here.log().info("stays", {"why", leaving.error()});  // it gave out a Remote, say
    }
};

int main() {
    return Reactor().run([](Worker& worker) {  // set-up, on each worker, before any event
        return worker.listen("127.0.0.1:7000", [](TcpSocket&) { return std::make_unique<Echo>(); });
    });
}
