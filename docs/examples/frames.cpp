// SPDX-License-Identifier: Apache-2.0
// Pipeline handlers of one's own: an echo of frames at 127.0.0.1:7443. A frame is u32 length, big endian,
// then so many bytes.
#include <penstock/events/reactor.hpp>
#include <penstock/net/tcp_server.hpp>
using namespace penstock;

struct Frames final : pipeline::Handler {
    void on_read(pipeline::Slot& slot, Slice piece) override {
        for (in.append(std::move(piece)); in.size() >= 4;) {
            const std::size_t bytes = in.u32();
            if (bytes > 65'536)
                return slot.shut_down(Error::user(1, "frame longer than 64 KiB"));  // this one
            if (in.size() < 4 + bytes) return;  // at most one unfinished frame stays here
            in.drop(4);
            slot.pass_read(in.take(bytes));  // by reference
        }
    }
    void on_write(pipeline::Slot& slot, pipeline::Message message) override {
        message.data.prepend_u32(std::uint32_t(message.data.size()));
        slot.pass_write(std::move(message));
    }
    // So many must come in for these.
    std::size_t on_window(pipeline::Slot&, std::size_t bytes) override { return bytes + 4; }
    Chain in;
};

struct Service final : pipeline::Handler {  // rightmost: it owns the read window
    void on_read(pipeline::Slot& slot, Slice frame) override {
        const auto bytes = frame.size();  // credit returns when the reply has left
        slot.write(std::move(frame), [&slot, bytes](Result<void>) { slot.consumed(bytes); });
    }
};

Result<void> serve(Worker& worker) {
    auto fill = [](Pipeline& line) {  // for each connection, from left to right
        line.add(std::make_unique<Frames>(), std::make_unique<Service>());
    };
    return worker.make_local<net::TcpServer>(worker, Address("127.0.0.1:7443"), fill).start();
}

int main() { return Reactor().run(serve); }
