// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/accept_balance.hpp>
#include <penstock/events/detail/os_socket.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/reactor.hpp>
#include <penstock/events/tcp_socket.hpp>

#include <bit>
#include <utility>

namespace penstock::events {

Result<void> Listener::probe(const Address& address) {
    return address.port() == 0 ? Result<void>() : detail::probe(address);
}

Result<void> Listener::start(const Address& address, ListenOptions options) {
    auto descriptor = backend().open_listening(address, options);
    if (!descriptor) return fail(descriptor);
    return start(std::move(*descriptor));
}

Result<void> Listener::start(Descriptor listening) {
    if (auto entered = enter(std::move(listening)); !entered) return entered;
    const auto local = backend().local_address(*entry_);
    if (!local) return fail(local);
    address_ = *local;
    ready_to_accept(true);
    return {};
}

void Listener::ready_to_accept(bool is) {
    is_ready_ = is;
    if (is_entered() && !is_closing_ && !Deadline::is_armed()) backend().arm_accept(*entry_, is);
}

void Listener::on_accepted(Descriptor descriptor, const Address& peer) {
    ++accepted_;
    if (!hand_over(descriptor, peer)) take(std::move(descriptor), peer);
}

namespace {

/// What goes to another worker with a fresh connection.
struct HandedOver {
    Descriptor descriptor;
    Address peer, listening;
    std::uintptr_t group;
    unsigned from;
};

/// Where nobody listens any more, it goes back; where it came from, it stays or ends.
void take_handed_over(Worker& worker, HandedOver fresh) {
    auto* listener = worker.find_listener(fresh.listening, std::bit_cast<const void*>(fresh.group));
    if (listener != nullptr) return listener->take(std::move(fresh.descriptor), fresh.peer);
    if (fresh.from == worker.index()) return;
    const auto home = worker.reactor().worker(fresh.from);
    std::ignore = home.post(&take_handed_over, std::move(fresh));
}

}  // namespace

/// True: it went to another worker.
bool Listener::hand_over(Descriptor& descriptor, const Address& peer) {
    auto* balance = worker().balance();
    if (balance == nullptr) return false;
    const auto to = balance->place(worker().index());
    if (to == worker().index()) return false;
    auto take_there = [](Worker& there, HandedOver fresh) {
        there.balance()->arrived(there.index());
        take_handed_over(there, std::move(fresh));
    };
    HandedOver fresh{.descriptor = std::move(descriptor),
                     .peer = peer,
                     .listening = address_,
                     .group = reinterpret_cast<std::uintptr_t>(group_),
                     .from = worker().index()};
    if (worker().reactor().worker(static_cast<unsigned>(to)).post(take_there, std::move(fresh)) == Posted::ok)
        return true;
    balance->arrived(to);
    descriptor = std::move(fresh.descriptor);  // NOLINT(bugprone-use-after-move): refused, so still ours
    return false;
}

void Listener::take(Descriptor descriptor, const Address& peer) {
    auto& socket = *new (worker()) TcpSocket(worker(), peer);
    std::unique_ptr<SocketHandler> handler;
    try {
        handler = make_(socket);
    } catch (...) {
        socket.abort();
        throw;
    }
    socket.start(std::move(descriptor), std::move(handler));
}

void Listener::on_accept_failed(Error error) {
    if (is_closing_) return end();
    worker().arm(*this, pause);
    const auto now = worker().now();
    if (logged_ && now - *logged_ < log_pause) {
        ++unlogged_;
        return;
    }
    logged_ = now;
    worker().log().warn("accept failed, pausing", {"listen", address_}, {"error", error}, {"pause", pause},
                        {"not_logged", std::exchange(unlogged_, 0)});
}

void Listener::on_due() {
    if (!is_entered()) return;
    if (is_closing_) return last_round();
    backend().arm_accept(*entry_, is_ready_);
}

void Listener::drain() {
    if (std::exchange(is_closing_, true)) return;
    if (!is_entered()) return end();
    backend().arm_accept(*entry_, true);
    accepted_before_ = accepted_;
    worker().arm(*this, TimerWheel::tick);
}

/// A round in which nothing was accepted means that the queue is empty.
void Listener::last_round() {
    if (accepted_ == accepted_before_) return end();
    accepted_before_ = accepted_;
    worker().arm(*this, TimerWheel::tick);
}

}  // namespace penstock::events
