// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/detail/os_socket.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/tcp_socket.hpp>

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
    worker().log().warn("accept failed, pausing", {"listen", address_}, {"error", error}, {"pause", pause});
    worker().arm(*this, pause);
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
