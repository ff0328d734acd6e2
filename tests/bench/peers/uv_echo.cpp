// SPDX-License-Identifier: Apache-2.0
// libuv's echo, straight from the read buffer.
#include <bench/peers/uv_server.hpp>

namespace {

struct EchoConnection {
    void receive(std::string_view bytes, std::string& out) { out = bytes; }
    bool ended = false;
};

}  // namespace

int main(int argc, char** argv) {
    penstock::bench::UvServer<EchoConnection>::run(penstock::bench::port_argument(argc, argv));
}
