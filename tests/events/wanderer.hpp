// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/random.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/timer.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <support/pattern.hpp>

namespace penstock::test {

/// What became of all wanderers of one test. Thread: any.
struct WandererTally {
    std::atomic<int> made{0}, begun{0}, closed{0}, died{0}, whole{0}, broken{0};
    std::atomic<int> moves{0}, refused{0}, half_closed_moves{0}, moves_before_abort{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<bool> is_cut{false};  ///< from here on any may end early

    void fault(const std::string& text);
    std::vector<std::string> faults() const;

private:
    mutable std::mutex lock_;
    std::vector<std::string> faults_;
};

/// One end of a connection: sends its stream and checks that of the other, each byte in its place, while it
/// goes from worker to worker and often does not read for a while. What it sends and expects hangs on the
/// client's port, which both ends know. Of some connections one end aborts in the middle.
class Wanderer final : public events::SocketHandler, public events::Movable {
public:
    enum class Side : std::uint8_t { server, client };
    Wanderer(WandererTally& tally, Side side);
    ~Wanderer() override;

    /// When it is connected: an accepted one at once.
    void begin(TcpSocket& socket, std::uint16_t client_port);

    /// Few bytes, so that writes are told to wait all the time.
    static constexpr events::WriteMarks marks{.high_bytes = 8'000, .low_bytes = 2'000, .max_bytes = 64'000};

private:
    void on_connected(TcpSocket& socket) override;
    void on_read(TcpSocket& socket, Slice piece) override;
    void on_writable(TcpSocket& socket) override;
    void on_sent(TcpSocket& socket) override;
    void on_end(TcpSocket& socket) override;
    void on_drain(TcpSocket&) override {}  // it ends by itself
    void on_closed(TcpSocket& socket, Error error) override;
    void on_adopted(TcpSocket& socket) override;
    bool is_at_rest(const TcpSocket&) const override { return pause_ == nullptr; }

    bool by_chance(unsigned one_in) { return random_->below(one_in) == 0; }
    void pour(TcpSocket& socket);
    void pause(TcpSocket& socket);
    bool move(TcpSocket& socket);
    bool breaks(TcpSocket& socket);

    WandererTally& tally_;
    const Side side_;
    std::optional<core::SeededRandom> random_;
    Pattern out_{0}, in_{0};
    std::uint64_t out_bytes_ = 0, in_bytes_ = 0, sent_ = 0, got_ = 0;
    std::uint64_t abort_at_ = 0;  // 0: never
    bool is_breaking_ = false;    // this end or the other one aborts
    bool is_moving_ = false, has_finished_ = false, has_ended_ = false;
    int closed_ = 0;
    std::unique_ptr<Timer> pause_;  // its worker's: gone before it moves
};

}  // namespace penstock::test
