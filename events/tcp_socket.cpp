// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/worker.hpp>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

namespace penstock::events {
namespace {

constexpr std::uint32_t no_limit = Backend::credit_unlimited;
constexpr std::uint32_t linger_ms = std::chrono::milliseconds(TcpSocket::linger).count();

std::uint32_t milliseconds(std::chrono::nanoseconds time) {
    const auto most = std::chrono::milliseconds(TcpSocket::time_max);
    return static_cast<std::uint32_t>(
        std::min(std::chrono::ceil<std::chrono::milliseconds>(time), most).count());
}

}  // namespace

void detail::Moving::left(Detached<TcpSocket>) {}

void SocketHandler::on_end(TcpSocket& socket) { socket.close(); }
void SocketHandler::on_drain(TcpSocket& socket) { socket.close(); }

TcpSocket::TcpSocket(Worker& worker, const Address& peer)
    : EventSocket(worker, true), peer_(peer), active_ms_(worker.now_ms()), credit_(no_limit) {}

TcpSocket::~TcpSocket() {
    if (out_ != nullptr) worker().operations().give(*out_);
    if (is_leaving_ || has_unread_) worker().take_moving(*this);
}

void* TcpSocket::operator new(std::size_t bytes, Worker& worker) {
    static_assert(sizeof(TcpSocket) <= 168);  // as in the pool: there is one for each connection
    PENSTOCK_ASSERT(bytes == sizeof(TcpSocket));
    return worker.tcp_sockets().take();
}

void TcpSocket::operator delete(void* memory, Worker& worker) { worker.tcp_sockets().give(memory); }

void TcpSocket::operator delete(TcpSocket* ended, std::destroying_delete_t) {
    auto& worker = ended->worker();
    ended->~TcpSocket();
    worker.tcp_sockets().give(ended);
}

Remote<TcpSocket> TcpSocket::remote() {
    worker().check_here();
    return worker().remote_to<TcpSocket>(handle(this));
}

Address TcpSocket::local() const {
    if (entry_ == nullptr) return {};
    return backend().local_address(*entry_).value_or(Address());
}

void TcpSocket::handler(std::unique_ptr<SocketHandler> next) {
    worker().bury(std::exchange(handler_, std::move(next)));
}

void TcpSocket::marks(const WriteMarks& marks) { marks_ = worker().marks_index(marks); }
const WriteMarks& TcpSocket::marks() const { return worker().marks(marks_); }

void TcpSocket::start(Descriptor descriptor, std::unique_ptr<SocketHandler> handler) {
    handler_ = std::move(handler);
    if (is_ended()) return;
    if (auto entered = enter(std::move(descriptor)); !entered) return fail_with(entered.error());
    is_connected_ = true;
    if (handler_ == nullptr) return abort();  // refused
    arm_read();
    drain_due_ = worker().is_draining_;
    if (wants_write_ || out_ != nullptr || drain_due_) flush_later();
}

/// Without an address the descriptor is connected already.
void TcpSocket::connect(Result<Descriptor> descriptor, std::unique_ptr<SocketHandler> handler) {
    handler_ = std::move(handler);
    if (!descriptor) return fail_with(descriptor.error());
    if (auto entered = enter(std::move(*descriptor)); !entered) return fail_with(entered.error());
    sending_ = &worker().operations().take(Operation::Kind::connect);
    if (!peer_.empty()) {
        sending_->address = peer_;
        const auto done = backend().submit(*entry_, *sending_);
        if (!done) return;
        sending_->done = *done;
    }
    connect_done_ = true;
    flush_later();
}

void TcpSocket::connected(Error error) {
    if (error) return fail_with(error);
    is_connected_ = true;
    has_connect_limit_ = false;
    active_ms_ = worker().now_ms();
    Deadline::cancel();
    arm_deadline();
    handler_->on_connected(*this);
    if (is_ended()) return;
    arm_read();
    drain_due_ = worker().is_draining_;
    flush_later();
}

Sent TcpSocket::write(Chain chain) {
    worker().check_here();
    if (is_closing_ || is_finishing_ || is_ended() || is_leaving_) return Sent::closed;
    if (chain.empty()) return Sent::more;
    const auto queued = unsent_bytes();
    const auto& limits = marks();
    if (queued > 0 && queued + chain.size() > limits.max_bytes) return Sent::full;
    if (out_ == nullptr) out_ = &worker().operations().take(Operation::Kind::send);
    const auto all = queued + chain.size();
    out_->data.append(std::move(chain));
    flush_later();
    if (queued == 0) {
        sent_ms_ = worker().now_ms();
        if (write_ms_ > 0) arm_deadline();
    }
    if (all < limits.high_bytes) return Sent::more;
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
    return (out_ != nullptr ? out_->data.size() : 0) + (sending_ != nullptr ? sending_->data.size() : 0);
}

void TcpSocket::arm_read() {
    if (entry_ == nullptr || !is_connected_ || read_ended_ || is_leaving_ || has_unread_) return;
    backend().arm_receive(*entry_, is_reading_ || is_closing_ ? credit_ : 0);
}

void TcpSocket::ready_to_read(bool is) {
    worker().check_here();
    if (is_reading_ == is) return;
    is_reading_ = is;
    if (has_unread_) flush_later();
    arm_read();
}

void TcpSocket::read_credit(std::size_t bytes) {
    const auto credit = static_cast<std::uint32_t>(std::min(bytes, Backend::credit_unlimited));
    if (credit_ == credit) return;
    credit_ = credit;
    arm_read();
}

void TcpSocket::ready_to_write(bool is) {
    wants_write_ = is;
    if (is) flush_later();
}

void TcpSocket::finish() {
    if (is_finishing_) return;
    is_finishing_ = true;
    flush_later();
}

void TcpSocket::close() {
    worker().check_here();
    if (is_ended() || is_closing_) return;
    is_closing_ = true;
    if (!is_connected_) return abort(Error());
    finish();
    if (has_unread_) worker().take_moving(*this);
    has_unread_ = false;
    credit_ = no_limit;
    arm_read();  // what still comes is dropped, so that the peer gets our last bytes and not a reset
    flush_later();
    sent_ms_ = worker().now_ms();
    worker().arm(*this, linger);
}

void TcpSocket::abort(Error error) { fail_with(error); }

void TcpSocket::fail_with(Error error) { fail_with(error, static_cast<bool>(error)); }

void TcpSocket::fail_with(Error error, bool resets) {
    worker().check_here();
    if (is_ended()) return;
    Deadline::cancel();
    auto* const flying = std::exchange(sending_, nullptr);   // swallowed by the closed entry,
    if (connect_done_) worker().operations().give(*flying);  // which this one has left
    connect_done_ = false;
    end(error, resets);
}

void TcpSocket::on_ended(Error error) {
    if (out_ != nullptr) worker().operations().give(*std::exchange(out_, nullptr));
    if (handler_ != nullptr) handler_->on_closed(*this, error);  // null: it left
}

void TcpSocket::idle_timeout(std::chrono::nanoseconds time) {
    idle_ms_ = milliseconds(time);
    arm_deadline();
}

void TcpSocket::write_timeout(std::chrono::nanoseconds time) {
    write_ms_ = milliseconds(time);
    arm_deadline();
}

void TcpSocket::connect_timeout(std::chrono::nanoseconds time) {
    if (is_connected_ || is_ended()) return;
    has_connect_limit_ = time.count() > 0;
    if (has_connect_limit_)
        worker().arm(*this, time);
    else
        arm_deadline();
}

/// For the first of its limits. A limit has passed when the clock shows more: milliseconds were cut off.
void TcpSocket::arm_deadline() {
    if (is_closing_ || is_ended() || has_connect_limit_) return;
    const auto now = worker().now_ms();
    auto left = std::numeric_limits<std::uint32_t>::max();
    auto count = [&](std::uint32_t limit, std::uint32_t since) {
        if (limit > 0) left = std::min(left, limit - std::min(limit, now - since));
    };
    count(idle_ms_, active_ms_);
    if (unsent_bytes() > 0) count(write_ms_, sent_ms_);
    if (left == std::numeric_limits<std::uint32_t>::max()) return Deadline::cancel();
    worker().arm(*this, std::chrono::milliseconds(left + 1));
}

void TcpSocket::on_due() {
    const auto now = worker().now_ms();
    if (is_closing_) {
        if (const auto passed = now - sent_ms_; passed < linger_ms)
            return worker().arm(*this, std::chrono::milliseconds(linger_ms - passed));
        return fail_with(unsent_bytes() == 0 ? Error() : Error::os(ETIMEDOUT, "close"));
    }
    if (has_connect_limit_) return fail_with(Error::os(ETIMEDOUT, "connect"));
    if (idle_ms_ > 0 && now - active_ms_ > idle_ms_)
        return fail_with(Error::os(ETIMEDOUT, is_connected_ ? "idle" : "connect"), unsent_bytes() > 0);
    if (write_ms_ > 0 && unsent_bytes() > 0 && now - sent_ms_ > write_ms_)
        return fail_with(Error::os(ETIMEDOUT, "write"));
    arm_deadline();
}

void TcpSocket::on_received(Slice slice) {
    bytes_in_ += slice.size();
    active_ms_ = worker().now_ms();
    if (credit_ != no_limit) credit_ -= std::min(credit_, static_cast<std::uint32_t>(slice.size()));
    if (is_closing_) return;
    if (is_leaving_) return worker().moving(*this).unread.push_back(std::move(slice).own());
    handler_->on_read(*this, std::move(slice));
}

void TcpSocket::on_receive_end() {
    if (is_leaving_) return;  // the next worker sees it again
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
    if (is_ended()) return;
    if (connect_done_) {
        connect_done_ = false;
        const auto error = sending_->done.error;
        worker().operations().give(*std::exchange(sending_, nullptr));
        return connected(error);
    }
    if (!is_connected_) return;
    if (drain_due_ && !is_closing_) {
        drain_due_ = false;
        handler_->on_drain(*this);
        if (is_ended()) return;
    }
    if (has_unread_ && is_reading_ && !is_leaving_) {
        tell_unread();
        if (is_ended()) return;
    }
    if (sending_ != nullptr) return;  // its completion goes on
    if (is_leaving_) return go();
    if (sent_due_) {
        sent_due_ = false;
        handler_->on_sent(*this);
        if (is_ended()) return;
        if (is_leaving_) return go();
    }
    if (out_ != nullptr) return send();
    tell_writable();
    finish_now();
}

void TcpSocket::send() {
    sending_ = std::exchange(out_, nullptr);
    if (sending_->data.size() > send_bytes_max) {
        out_ = &worker().operations().take(Operation::Kind::send);
        out_->data = std::move(sending_->data);
        sending_->data = out_->data.split(send_bytes_max);
    }
    if (const auto done = backend().submit(*entry_, *sending_)) {
        sending_->done = *done;
        sent(*sending_);
    }
}

void TcpSocket::sent(Operation& operation) {
    sending_ = nullptr;
    const auto done = operation.done;
    bytes_out_ += done.bytes;
    if (done.bytes > 0) active_ms_ = sent_ms_ = worker().now_ms();
    if (operation.data.empty()) {
        worker().operations().give(operation);
    } else {  // it took less than all
        if (out_ != nullptr) {
            operation.data.append(std::move(out_->data));
            worker().operations().give(*out_);
        }
        out_ = &operation;
    }
    if (is_leaving_) {
        sent_due_ = sent_due_ || done.bytes > 0;
        return go();
    }
    if (done.error) return fail_with(done.error);
    if (out_ != nullptr) flush_later();
    if (done.bytes > 0) {
        handler_->on_sent(*this);
        if (is_ended()) return;
    }
    tell_writable();
    finish_now();
}

std::string TcpSocket::origin() const { return peer_.empty() ? "a unix socket" : "peer " + peer_.text(); }

void TcpSocket::tell_writable() {
    if (!(is_waiting_ || wants_write_) || is_closing_ || is_finishing_) return;
    if (unsent_bytes() > marks().low_bytes) return;
    is_waiting_ = false;
    handler_->on_writable(*this);
    if (wants_write_ && !is_ended()) flush_later();
}

void TcpSocket::finish_now() {
    if (is_ended() || !is_finishing_ || unsent_bytes() > 0) return;
    if (!is_finished_) {
        is_finished_ = true;
        sent_ms_ = worker().now_ms();
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

bool TcpSocket::is_at_rest() const {
    if (is_closing() || is_finishing_ || !is_connected_ || is_leaving_ || has_handle() || unsent_bytes() > 0)
        return false;
    const auto* movable = dynamic_cast<const Movable*>(handler_.get());
    return movable != nullptr && movable->is_at_rest(*this);
}

Result<void> TcpSocket::may_leave() const {
    if (is_ended() || is_closing_ || !is_connected_ || is_leaving_)
        return fail(Error::os(ENOTCONN, "the socket is closing"));
    if (has_handle()) return fail(Error::os(EBUSY, "a Remote to the socket was given out"));
    if (worker().is_draining()) return fail(Error::os(ECANCELED, "the worker stops"));
    return {};
}

Result<void> TcpSocket::begin_leaving(std::unique_ptr<detail::Moving> leaving) {
    if (auto may = may_leave(); !may) return may;
    if (dynamic_cast<Movable*>(handler_.get()) == nullptr)
        return fail(Error::os(ENOTSUP, "the handler is not Movable"));
    is_leaving_ = true;
    leaving->socket = this;
    if (has_unread_) leaving->unread = std::move(worker().take_moving(*this)->unread);
    has_unread_ = false;
    worker().add_moving(std::move(leaving));
    backend().arm_receive(*entry_, 0);
    if (sending_ != nullptr)
        backend().cancel(*sending_);
    else
        flush_later();
    return {};
}

/// Nothing is being sent any more.
void TcpSocket::go() {
    if (!is_ended() && backend().settle(*entry_)) leave();
}

void TcpSocket::leave() {
    if (is_ended()) return;
    is_leaving_ = false;
    const auto leaving = worker().take_moving(*this);
    Detached<TcpSocket> out;
    out.descriptor_ = backend().leave(*std::exchange(entry_, nullptr));
    out.handler_ = std::move(handler_);
    out.unread_ = std::move(leaving->unread);
    if (out_ != nullptr)
        while (!out_->data.empty()) out.unsent_.push_back(out_->data.take(out_->data.front().size()).own());
    out.peer_ = peer_;
    out.marks_ = &marks();
    out.bytes_in_ = bytes_in_;
    out.bytes_out_ = bytes_out_;
    out.idle_ms_ = idle_ms_;
    out.write_ms_ = write_ms_;
    out.credit_ = credit_;
    out.is_reading_ = is_reading_;
    out.read_ended_ = read_ended_;
    out.is_waiting_ = is_waiting_;
    out.wants_write_ = wants_write_;
    out.is_finishing_ = is_finishing_;
    out.is_finished_ = is_finished_;
    out.is_closing_ = is_closing_;
    out.sent_due_ = sent_due_;
    fail_with(Error());
    leaving->left(std::move(out));
}

void TcpSocket::adopt(Detached<TcpSocket> from) {
    handler_ = std::move(from.handler_);
    if (!from.unsent_.empty()) {
        out_ = &worker().operations().take(Operation::Kind::send);
        for (auto& buffer : from.unsent_) out_->data.append(std::move(buffer).slice());
    }
    marks_ = worker().marks_index(*from.marks_);
    bytes_in_ = from.bytes_in_;
    bytes_out_ = from.bytes_out_;
    idle_ms_ = from.idle_ms_;
    write_ms_ = from.write_ms_;
    credit_ = from.credit_;
    sent_ms_ = active_ms_;
    is_connected_ = true;
    is_reading_ = from.is_reading_;
    read_ended_ = from.read_ended_;
    is_waiting_ = from.is_waiting_;
    wants_write_ = from.wants_write_;
    is_finishing_ = from.is_finishing_;
    is_finished_ = from.is_finished_;
    is_closing_ = from.is_closing_;
    sent_due_ = from.sent_due_;
    if (auto entered = enter(std::move(from.descriptor_)); !entered) return fail_with(entered.error());
    if (is_closing_)
        worker().arm(*this, linger);
    else
        arm_deadline();
    if (!from.unread_.empty() && !is_closing_) {  // before on_adopted, which may read on, or leave again
        has_unread_ = true;
        auto brought = std::make_unique<detail::Moving>();
        brought->socket = this;
        brought->unread = std::move(from.unread_);
        worker().add_moving(std::move(brought));
    }
    drain_due_ = worker().is_draining_;
    flush_later();
    dynamic_cast<Movable&>(*handler_).on_adopted(*this);
    arm_read();
}

void TcpSocket::tell_unread() {
    auto brought = worker().take_moving(*this);
    auto& unread = brought->unread;
    has_unread_ = false;
    std::size_t told = 0;
    while (told < unread.size() && is_reading_ && !is_closing() && !is_leaving_)
        handler_->on_read(*this, std::move(unread[told++]).slice());
    if (is_closing()) return;
    unread.erase(unread.begin(), unread.begin() + static_cast<std::ptrdiff_t>(told));
    if (unread.empty()) return arm_read();
    if (is_leaving_) {
        worker().moving(*this).unread = std::move(unread);
        return;
    }
    has_unread_ = true;
    worker().add_moving(std::move(brought));
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
