// SPDX-License-Identifier: Apache-2.0
// The completion-style API: an echo at 127.0.0.1:7007 that copies nothing. What was received is sent from the
// buffer in which it lies, and the next receive is issued when that is done.
#include <penstock/events/completion_port.hpp>
#include <penstock/events/reactor.hpp>
using namespace penstock;
using Port = events::CompletionPort;

struct Echo final : events::CompletionHandler {
    explicit Echo(Worker& worker) : port(worker, 16 * 1024, *this) {}
    Result<void> listen() { return port.add_listening("127.0.0.1:7007", 64, nullptr); }

    void* on_accept(Port::Socket socket, const Address&, const Address&, void*) override {
        port.receive(socket);
        return nullptr;  // the socket's user pointer
    }
    void on_receive(Port::Socket socket, Bytes data, void*) override {  // empty: the end
        if (data.empty() || port.send(socket, data, nullptr) != events::Issued::ok) port.remove(socket);
    }
    void on_send(Port::Socket socket, void*, void*) override { port.receive(socket); }
    void on_error(Port::Socket, Error, void*) override {}  // the closing call: free what belongs to it here

    Port port;
};

int main() {
    return Reactor().run([](Worker& worker) { return worker.make_local<Echo>(worker).listen(); });
}
