// SPDX-License-Identifier: Apache-2.0
// Ours in the case events/echo: one worker that gives back what it reads.
#include <penstock/events/tcp_socket.hpp>

#include <cstdlib>
#include <string>

#include <bench/ours/one_worker.hpp>

using namespace penstock;

namespace {

struct Echo final : events::SocketHandler {
    void on_read(TcpSocket& socket, Slice piece) override { std::ignore = socket.write(std::move(piece)); }
};

}  // namespace

int main(int argc, char** argv) {
    const auto address = Address::parse("127.0.0.1:" + std::string(argc > 1 ? argv[1] : ""));
    if (!address) return complain(address.error());
    return bench::OneWorker().reactor().run(
        [](Worker& worker, Address at) {
            return worker.listen(at, [](TcpSocket&) { return std::make_unique<Echo>(); });
        },
        *address);
}
