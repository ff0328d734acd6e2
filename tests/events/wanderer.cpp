// SPDX-License-Identifier: Apache-2.0
#include "wanderer.hpp"

#include <penstock/events/reactor.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace penstock::test {
namespace {

constexpr std::uint64_t bytes_least = 20'000, bytes_spread = 200'000;
constexpr std::size_t write_most = 6'000;
constexpr unsigned breaking_one_in = 6;

std::uint64_t bytes_of(core::SeededRandom& random) { return bytes_least + random.below(bytes_spread); }

}  // namespace

void WandererTally::fault(const std::string& text) {
    const std::lock_guard held(lock_);
    faults_.push_back(text);
}

std::vector<std::string> WandererTally::faults() const {
    const std::lock_guard held(lock_);
    return faults_;
}

Wanderer::Wanderer(WandererTally& tally, Side side) : tally_(tally), side_(side) { ++tally_.made; }

Wanderer::~Wanderer() {
    if (closed_ != 1 && !tally_.is_cut) tally_.fault("on_closed came " + std::to_string(closed_) + " times");
    ++tally_.died;
}

void Wanderer::begin(TcpSocket& socket, std::uint16_t client_port) {
    const bool is_client = side_ == Side::client;
    core::SeededRandom both(client_port);  // drawn alike at both ends
    const auto up = bytes_of(both), down = bytes_of(both);
    is_breaking_ = both.below(breaking_one_in) == 0;
    const bool client_breaks = both.below(2) == 0;
    if (is_breaking_ && is_client == client_breaks) abort_at_ = 1 + both.below((is_client ? down : up) - 1);
    out_bytes_ = is_client ? up : down;
    in_bytes_ = is_client ? down : up;
    out_ = Pattern(client_port * 2u + (is_client ? 1 : 0));
    in_ = Pattern(client_port * 2u + (is_client ? 0 : 1));
    random_.emplace(client_port * 2u + (is_client ? 1 : 0));
    socket.marks(marks);
    socket.ready_to_write(true);
    ++tally_.begun;
}

void Wanderer::on_connected(TcpSocket& socket) { begin(socket, socket.local().port()); }

void Wanderer::on_writable(TcpSocket& socket) {
    socket.ready_to_write(false);
    pour(socket);
}

void Wanderer::pour(TcpSocket& socket) {
    while (sent_ < out_bytes_) {
        const auto count = std::min<std::uint64_t>(1 + random_->below(write_most), out_bytes_ - sent_);
        const auto answer = socket.write(Bytes(out_.text(sent_, count)));
        if (!taken(answer)) return;  // it moves, and comes here again by on_adopted; or it is closed
        sent_ += count;
        if (answer == Sent::wait) return;
    }
    const bool is_fresh = !std::exchange(has_finished_, true);
    if (is_fresh) socket.finish();
    if (has_ended_) return socket.close();
    if (is_fresh && by_chance(2) && move(socket)) ++tally_.half_closed_moves;
}

/// True: it leaves, and then it is done with its worker's timers. A worker that drains lets none go.
bool Wanderer::move(TcpSocket& socket) {
    if (is_moving_) return true;
    auto& here = socket.worker();
    auto& reactor = here.reactor();
    const auto next = static_cast<unsigned>(random_->below(reactor.workers()));
    auto arrive = [](Worker& there, Detached<TcpSocket> came) { there.adopt(std::move(came)); };
    const auto leaves = socket.detach(
        [&here, &tally = tally_, to = reactor.worker(next), arrive](Detached<TcpSocket> moving) {
            ++tally.moves;
            if (to.post(arrive, std::move(moving)) == Posted::ok) return;
            ++tally.refused;
            here.adopt(std::move(moving));  // NOLINT(bugprone-use-after-move): refused, so still ours
        });
    if (!leaves) return false;
    pause_.reset();
    return is_moving_ = true;
}

void Wanderer::pause(TcpSocket& socket) {
    socket.ready_to_read(false);
    pause_ = std::make_unique<Timer>(socket.worker(), [this, &socket] {
        pause_.reset();
        socket.ready_to_read(true);
    });
    pause_->arm(std::chrono::microseconds(random_->below(2'000)));
}

/// True: it was this one's turn to abort.
bool Wanderer::breaks(TcpSocket& socket) {
    if (abort_at_ == 0 || got_ < abort_at_) return false;
    if (by_chance(2) && move(socket)) ++tally_.moves_before_abort;
    socket.abort();
    return true;
}

void Wanderer::on_read(TcpSocket& socket, Slice piece) {
    if (!in_.is_at(got_, piece.text()))
        tally_.fault("wrong bytes between " + std::to_string(got_) + " and " +
                     std::to_string(got_ + piece.size()) + " of " + std::to_string(in_bytes_));
    got_ += piece.size();
    tally_.bytes += piece.size();
    if (breaks(socket)) return;
    if (by_chance(8)) pause(socket);
    if (by_chance(3)) move(socket);
}

void Wanderer::on_sent(TcpSocket& socket) {
    if (by_chance(6)) move(socket);
}

void Wanderer::on_end(TcpSocket& socket) {
    has_ended_ = true;
    if (by_chance(2) && move(socket)) {  // what is due is done when it has arrived
        ++tally_.half_closed_moves;
        return;
    }
    if (has_finished_) socket.close();
}

void Wanderer::on_adopted(TcpSocket& socket) {
    is_moving_ = false;
    if (by_chance(4) && move(socket)) return;
    if (by_chance(2))
        socket.ready_to_read(true);
    else
        pause(socket);
    pour(socket);
}

void Wanderer::on_closed(TcpSocket&, Error error) {
    pause_.reset();
    ++closed_;
    ++tally_.closed;
    const bool is_whole = !error && has_finished_ && has_ended_ && got_ == in_bytes_;
    ++(is_whole ? tally_.whole : tally_.broken);
    if (is_whole || is_breaking_ || tally_.is_cut) return;
    tally_.fault(std::string(side_ == Side::client ? "client: " : "server: ") + error.message() + ", sent " +
                 std::to_string(sent_) + " of " + std::to_string(out_bytes_) + ", got " +
                 std::to_string(got_) + " of " + std::to_string(in_bytes_) + (has_ended_ ? ", ended" : "") +
                 (has_finished_ ? ", finished" : ""));
}

}  // namespace penstock::test
