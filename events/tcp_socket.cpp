// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/worker.hpp>

#include <cerrno>
#include <limits>
#include <utility>

namespace penstock::events {
namespace {

constexpr WriteMarks default_marks;
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max() / 2;

}  // namespace

void SocketHandler::on_end(TcpSocket& socket) { socket.close(); }
void SocketHandler::on_drain(TcpSocket& socket) { socket.close(); }

TcpSocket::TcpSocket(Worker& worker, const Address& peer)
    : EventSocket(worker, true),
      marks_(&default_marks),
      active_(worker.now()),
      credit_(no_limit),
      peer_(peer) {}

TcpSocket::~TcpSocket() {
    if (place_ != 0) worker().handles().remove(place_);
    if (is_dirty_) worker().forget_flush(*this);
}

Remote<TcpSocket> TcpSocket::remote() {
    if (place_ == 0) place_ = worker().handles().add(this).place;
    return worker().remote_to<TcpSocket>({place_, worker().handles().generation(place_)});
}

Address TcpSocket::local() const {
    if (entry_ == nullptr) return {};
    return backend().local_address(backend().descriptor(*entry_)).value_or(Address());
}

void TcpSocket::handler(std::unique_ptr<SocketHandler> next) {
    worker().bury(std::exchange(handler_, std::move(next)));
}

void TcpSocket::start(Descriptor descriptor, std::unique_ptr<SocketHandler> handler) {
    handler_ = std::move(handler);
    if (is_ended()) return;
    if (auto entered = enter(std::move(descriptor)); !entered) return fail_with(entered.error());
    is_connected_ = true;
    if (handler_ == nullptr) return abort();  // refused
    arm_read();
    drain_due_ = worker().is_draining_;
    if (wants_write_ || !out_.empty() || drain_due_) mark_dirty();
}

void TcpSocket::connect(std::unique_ptr<SocketHandler> handler) {
    handler_ = std::move(handler);
    auto descriptor = backend().open_stream(peer_);
    if (!descriptor) return fail_with(descriptor.error());
    if (auto entered = enter(std::move(*descriptor)); !entered) return fail_with(entered.error());
    sending_ = &worker().operations().take(Operation::Kind::connect);
    sending_->address = peer_;
    if (const auto done = backend().submit(*entry_, *sending_)) {
        worker().operations().give(*std::exchange(sending_, nullptr));
        error_ = done->error;
        connect_done_ = true;
        mark_dirty();
    }
}

void TcpSocket::connected(Error error) {
    if (error) return fail_with(error);
    is_connected_ = true;
    active_ = worker().now();
    handler_->on_connected(*this);
    if (is_ended()) return;
    arm_read();
    drain_due_ = worker().is_draining_;
    mark_dirty();
}

Sent TcpSocket::write(Chain chain) {
    if (is_closing_ || is_finishing_ || is_ended() || leaving_ != nullptr) return Sent::closed;
    if (unsent_bytes() > 0 && unsent_bytes() + chain.size() > marks_->max_bytes) return Sent::full;
    out_.append(std::move(chain));
    mark_dirty();
    if (unsent_bytes() < marks_->high_bytes) return Sent::more;
    is_waiting_ = true;
    return Sent::wait;
}

Sent TcpSocket::write(Slice slice) { return write(Chain(std::move(slice))); }

Sent TcpSocket::write(Bytes bytes) {
    Chain chain;
    chain.append(bytes);
    return write(std::move(chain));
}

std::size_t TcpSocket::unsent_bytes() const {
    return out_.size() + (sending_ != nullptr ? sending_->data.size() : 0);
}

void TcpSocket::mark_dirty() {
    if (std::exchange(is_dirty_, true)) return;
    worker().flush_later(*this);
}

void TcpSocket::arm_read() {
    if (entry_ == nullptr || !is_connected_ || read_ended_ || leaving_ != nullptr) return;
    backend().arm_receive(*entry_, is_reading_ || is_closing_ ? credit_ : 0);
}

void TcpSocket::ready_to_read(bool is) {
    if (is_reading_ == is) return;
    is_reading_ = is;
    arm_read();
}

void TcpSocket::read_credit(std::size_t bytes) {
    if (credit_ == bytes) return;
    credit_ = bytes;
    arm_read();
}

void TcpSocket::ready_to_write(bool is) {
    wants_write_ = is;
    if (is) mark_dirty();
}

void TcpSocket::finish() {
    if (std::exchange(is_finishing_, true)) return;
    mark_dirty();
}

void TcpSocket::close() {
    if (is_ended() || std::exchange(is_closing_, true)) return;
    if (!is_connected_) return abort(Error());
    finish();
    credit_ = no_limit;
    arm_read();  // what still comes is dropped, so that the peer gets our last bytes and not a reset
    mark_dirty();
    worker().arm(*this, linger);
}

void TcpSocket::abort(Error error) { fail_with(error); }

void TcpSocket::fail_with(Error error) {
    if (is_ended()) return;
    error_ = error;
    Deadline::cancel();
    if (sending_ != nullptr) sending_ = nullptr;  // the operation is swallowed by the closed entry
    end(static_cast<bool>(error));
}

void TcpSocket::on_ended() {
    out_.clear();
    if (handler_ != nullptr) handler_->on_closed(*this, error_);  // null: it left
}

void TcpSocket::idle_timeout(std::chrono::nanoseconds time) {
    idle_ = time;
    if (is_closing_ || is_ended()) return;
    if (time.count() > 0)
        worker().arm(*this, time);
    else
        Deadline::cancel();
}

void TcpSocket::on_due() {
    if (is_closing_) {
        if (unsent_bytes() == 0) return fail_with(Error());
        // Still sending what was queued: that may take as long as the peer goes on taking it.
        if (worker().now() - active_ < linger) return worker().arm_at(*this, active_ + linger);
        return fail_with(Error::os(ETIMEDOUT, "close"));
    }
    if (const auto due = active_ + idle_; worker().now() < due) return worker().arm_at(*this, due);
    fail_with(Error::os(ETIMEDOUT, is_connected_ ? "idle" : "connect"));
}

void TcpSocket::on_received(Slice slice) {
    bytes_in_ += slice.size();
    if (!is_closing_) active_ = worker().now();  // then only what the peer takes counts
    if (credit_ != no_limit) credit_ -= std::min(credit_, slice.size());
    if (is_closing_ || leaving_ != nullptr) return;
    handler_->on_read(*this, std::move(slice));
}

void TcpSocket::on_receive_end() {
    read_ended_ = true;
    if (is_closing_) {
        if (is_finished_) fail_with(Error());
        return;
    }
    handler_->on_end(*this);
}

void TcpSocket::on_completed(Operation& operation) {
    if (operation.kind == Operation::Kind::send) return sent(operation);
    const auto done = operation.done;
    sending_ = nullptr;
    worker().operations().give(operation);
    connected(done.error);
}

void TcpSocket::flush() {
    is_dirty_ = false;
    if (is_ended()) return;
    if (connect_done_) {
        connect_done_ = false;
        return connected(error_);
    }
    if (!is_connected_) return;
    if (std::exchange(drain_due_, false) && !is_closing_) {
        handler_->on_drain(*this);
        if (is_ended()) return;
    }
    if (leaving_ != nullptr) return sending_ == nullptr ? leave() : void();
    if (sending_ == nullptr && !out_.empty()) {
        sending_ = &worker().operations().take(Operation::Kind::send);
        sending_->data = out_.size() <= send_bytes_max ? std::move(out_) : out_.split(send_bytes_max);
        if (const auto done = backend().submit(*entry_, *sending_)) {
            sending_->done = *done;
            return sent(*sending_);
        }
        return;
    }
    tell_writable();
    finish_now();
}

void TcpSocket::sent(Operation& operation) {
    sending_ = nullptr;
    const auto done = operation.done;
    bytes_out_ += done.bytes;
    if (done.bytes > 0) active_ = worker().now();
    if (!operation.data.empty()) {  // it took less than all
        operation.data.append(std::move(out_));
        out_ = std::move(operation.data);
    }
    worker().operations().give(operation);
    if (leaving_ != nullptr) return leave();
    if (done.error) return fail_with(done.error);
    if (!out_.empty()) mark_dirty();
    if (done.bytes > 0) {
        handler_->on_sent(*this);
        if (is_ended()) return;
    }
    tell_writable();
    finish_now();
}

void TcpSocket::tell_writable() {
    if (!(is_waiting_ || wants_write_) || is_closing_ || is_finishing_) return;
    if (unsent_bytes() > marks_->low_bytes) return;
    is_waiting_ = false;
    handler_->on_writable(*this);
    if (wants_write_ && !is_ended()) mark_dirty();
}

void TcpSocket::finish_now() {
    if (is_ended() || !is_finishing_ || unsent_bytes() > 0) return;
    if (!is_finished_) {
        is_finished_ = true;
        if (is_closing_ && read_ended_) return fail_with(Error());
        if (auto finished = backend().finish(*entry_); !finished)
            return fail_with(is_closing_ ? Error() : finished.error());
    }
    if (is_closing_ && read_ended_) fail_with(Error());
}

void TcpSocket::drain() {
    if (handler_ == nullptr || !is_connected_) return abort(Error::os(ECANCELED, "the worker stops"));
    handler_->on_drain(*this);
}

Result<void> TcpSocket::begin_leaving(std::unique_ptr<Leaving> leaving) {
    if (is_ended() || is_closing_ || !is_connected_ || leaving_ != nullptr)
        return fail(Error::os(ENOTCONN, "the socket is closing"));
    if (place_ != 0) return fail(Error::os(EBUSY, "a Remote to the socket was given out"));
    if (dynamic_cast<Movable*>(handler_.get()) == nullptr)
        return fail(Error::os(ENOTSUP, "the handler is not Movable"));
    leaving_ = std::move(leaving);
    backend().arm_receive(*entry_, 0);
    if (sending_ != nullptr)
        backend().cancel(*sending_);
    else
        mark_dirty();
    return {};
}

void TcpSocket::leave() {
    if (is_ended()) return;
    Detached<TcpSocket> out;
    out.descriptor_ = backend().leave(*std::exchange(entry_, nullptr));
    out.handler_ = std::move(handler_);
    while (!out_.empty()) out.unsent_.push_back(out_.take(out_.front().size()).own());
    out.peer_ = peer_;
    out.marks_ = marks_;
    out.bytes_in_ = bytes_in_;
    out.bytes_out_ = bytes_out_;
    out.idle_ = idle_;
    out.credit_ = credit_;
    out.is_reading_ = is_reading_;
    out.read_ended_ = read_ended_;
    out.is_waiting_ = is_waiting_;
    out.wants_write_ = wants_write_;
    out.is_finishing_ = is_finishing_;
    out.is_finished_ = is_finished_;
    fail_with(Error());
    leaving_->left(std::move(out));
}

void TcpSocket::adopt(Detached<TcpSocket> from) {
    handler_ = std::move(from.handler_);
    for (auto& buffer : from.unsent_) out_.append(std::move(buffer).slice());
    marks_ = from.marks_;
    bytes_in_ = from.bytes_in_;
    bytes_out_ = from.bytes_out_;
    credit_ = from.credit_;
    is_connected_ = true;
    is_reading_ = from.is_reading_;
    read_ended_ = from.read_ended_;
    is_waiting_ = from.is_waiting_;
    wants_write_ = from.wants_write_;
    is_finishing_ = from.is_finishing_;
    is_finished_ = from.is_finished_;
    if (auto entered = enter(std::move(from.descriptor_)); !entered) return fail_with(entered.error());
    if (from.idle_.count() > 0) idle_timeout(from.idle_);
    arm_read();
    drain_due_ = worker().is_draining_;
    mark_dirty();
    dynamic_cast<Movable&>(*handler_).on_adopted(*this);
}

Sent ShortCuts<TcpSocket>::write(Buffer&& buffer) const {
    const auto& remote = static_cast<const Remote<TcpSocket>&>(*this);
    switch (remote.post(
        [](TcpSocket& socket, Buffer posted) { std::ignore = socket.write(std::move(posted).slice()); },
        std::move(buffer))) {
        case Posted::ok: return Sent::more;
        case Posted::full: return Sent::full;
        case Posted::stopped: break;
    }
    return Sent::closed;
}

Posted ShortCuts<TcpSocket>::close() const {
    return static_cast<const Remote<TcpSocket>&>(*this).post([](TcpSocket& socket) { socket.close(); });
}

}  // namespace penstock::events
