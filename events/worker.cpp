// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/events/datagram_socket.hpp>
#include <penstock/events/listener.hpp>
#include <penstock/events/shared_listener.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/worker.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <utility>

namespace penstock::events {

namespace detail {

std::size_t next_type_index() noexcept {
    static std::atomic<std::size_t> next{0};
    return next.fetch_add(1, std::memory_order_relaxed);
}

void guarded(Worker& worker, void (*call)(void*), void* context) {
    try {
        call(context);
    } catch (...) {
        worker.caught("posted function");
    }
}

void* find(Worker& worker, HandleTable::Handle handle) {
    return handle.place == 0 ? &worker : worker.handles().find(handle);
}

Worker* current_worker_of(const Inbox* inbox, std::uint32_t epoch) {
    auto* worker = Worker::current();
    return worker != nullptr && &worker->inbox() == inbox && inbox->epoch() == epoch ? worker : nullptr;
}

Inbox& current_inbox() {
    auto* worker = Worker::current();
    PENSTOCK_ASSERT(worker != nullptr);  // call() answers to a worker: elsewhere, post
    return worker->inbox();
}

}  // namespace detail

/// Calls the owners; what one throws ends its own socket.
class Worker::Dispatch final : public Completions {
public:
    explicit Dispatch(Worker& worker) : worker_(worker) {}

    void accepted(Entry& entry, Descriptor descriptor, const Address& peer) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_accepted(std::move(descriptor), peer); });
    }
    void accept_failed(Entry& entry, Error error) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_accept_failed(error); });
    }
    void received(Entry& entry, Slice slice) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_received(std::move(slice)); });
    }
    void receive_end(Entry& entry) override {
        tell(entry, [](EntryOwner& owner) { owner.on_receive_end(); });
    }
    void receive_failed(Entry& entry, Error error) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_receive_failed(error); });
    }
    void datagrams(Entry& entry, std::span<Datagram> datagrams) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_datagrams(datagrams); });
    }
    void settled(Entry& entry) override {
        tell(entry, [](EntryOwner& owner) { owner.on_settled(); });
    }
    void ready(Entry& entry, Interest interest) override {
        tell(entry, [&](EntryOwner& owner) { owner.on_ready(interest); });
    }
    void completed(Entry& entry, Operation& operation) override {
        if (entry.owner() == nullptr) return worker_.operations().give(operation);
        tell(entry, [&](EntryOwner& owner) { owner.on_completed(operation); });
    }

private:
    template <class F>
    void tell(Entry& entry, F f) {
        auto* owner = entry.owner();
        if (owner == nullptr) return;
        try {
            f(*owner);
        } catch (...) {
            worker_.caught("socket handler");
            if (entry.owner() != nullptr) entry.owner()->on_thrown(Error::os(EFAULT, "the handler threw"));
        }
        worker_.stall_watch_.ran(*owner);
    }
    Worker& worker_;
};

/// A coroutine that nobody awaits.
struct Worker::Spawned final : detail::TaskRoot {
    explicit Spawned(Worker& worker) : TaskRoot(worker), next(worker.spawned_) {
        if (next != nullptr) next->previous = this;
        worker.spawned_ = this;
    }
    ~Spawned() override { unlink(); }
    void unlink() {
        if (!is_linked) return;
        is_linked = false;
        (previous != nullptr ? previous->next : worker().spawned_) = next;
        if (next != nullptr) next->previous = previous;
    }
    void on_finished(std::exception_ptr thrown) override {
        try {
            if (thrown) std::rethrow_exception(thrown);
        } catch (...) {
            worker().caught("spawned task");
        }
        unlink();
        worker().bury(std::unique_ptr<Spawned>(this));
    }
    Spawned* next;
    Spawned* previous = nullptr;
    bool is_linked = true;
};

namespace {

/// Of a list whose members take themselves out of it; what their ends add goes as well.
template <class T>
void delete_all(T*& first) {
    while (auto* ended = first) {
        delete ended;
        PENSTOCK_ASSERT(first != ended);
    }
}

}  // namespace

constexpr WriteMarks default_marks;

void Sleep::begin() { worker_.arm(*this, duration_); }

Worker::Worker(Parts parts)
    : index_(parts.index),
      reactor_(parts.reactor),
      clock_(*parts.clock),
      random_(*parts.random),
      log_(*parts.log),
      backend_(std::move(parts.backend)),
      inbox_(Inbox::open()),
      now_(clock_.now()),
      timers_(now_),
      gauges_(*parts.gauges),
      stall_watch_(clock_, log_, gauges_.stall_counts, parts.stall_limit),
      has_thread_(parts.has_thread),
      measured_from_(now_) {
    read_clock();
    marks_.push_back(&default_marks);
    inbox_.on_wake([](void* context) noexcept { static_cast<Backend*>(context)->wake(); }, backend_.get());
}

Worker::~Worker() {
    const Entered entered(this);
    constexpr int rounds_max = 16;  // what on_closed begins anew is cut again
    for (int round = 0; sockets_ != nullptr && round < rounds_max; ++round) cut();
    free_ended();
    delete_all(spawned_);
    later_.clear();
    free_ended();
    locals_.clear();
    free_ended();
    delete_all(sockets_);
    ended_.clear();
    inbox_.close();
    free_ended();
    backend_->free_closed();
    backend_->stop();
}

void Worker::missing_local(const char* type) {
    std::fprintf(stderr, "penstock: no such local was lent or made in this worker: %s\n", type);
    std::abort();
}

void Worker::lend_shared(std::size_t type, std::shared_ptr<const Shared> shared) {
    locals_.lend_index(type, shared->object.get());
    auto before = std::exchange(shared_[type], std::move(shared));
    if (before != nullptr) bury(std::make_unique<std::shared_ptr<const Shared>>(std::move(before)));
}

void Worker::caught(const char* where) noexcept {
    try {
        throw;
    } catch (const std::exception& thrown) {
        log_.error("exception caught", {"where", where}, {"what", thrown.what()});
    } catch (...) {
        log_.error("exception caught", {"where", where});
    }
}

void Worker::add(EventSocket& socket) {
    socket.next_ = sockets_;
    if (sockets_ != nullptr) sockets_->previous_ = &socket;
    sockets_ = &socket;
    if (socket.counts_) gauges_.sockets.store(sockets() + 1, std::memory_order_relaxed);
}

void Worker::remove(EventSocket& socket) {
    (socket.previous_ != nullptr ? socket.previous_->next_ : sockets_) = socket.next_;
    if (socket.next_ != nullptr) socket.next_->previous_ = socket.previous_;
    if (socket.counts_) gauges_.sockets.store(sockets() - 1, std::memory_order_relaxed);
}

Result<Listener*> Worker::open_listener(const Address& address, MakeHandler make) {
    auto listener = std::make_unique<Listener>(*this, std::move(make));
    if (auto started = listener->start(address); !started) return fail(started);
    return listener.release();
}

Result<Listener*> Worker::open_listener(const SharedListener& shared, MakeHandler make) {
    auto descriptor = shared.duplicate();
    if (!descriptor) return fail(descriptor);
    auto listener = std::make_unique<Listener>(*this, std::move(make));
    listener->group(&shared);
    if (auto started = listener->start(std::move(*descriptor)); !started) return fail(started);
    return listener.release();
}

Listener* Worker::find_listener(const Address& address, const void* group) {
    for (auto* socket = sockets_; socket != nullptr; socket = socket->next_)
        if (auto* listener = dynamic_cast<Listener*>(socket))
            if (listener->stands_for(address, group)) return listener;
    return nullptr;
}

void Worker::move_away(std::size_t count, const Remote<Worker>& target) {
    for (auto* socket = sockets_; socket != nullptr && count > 0; socket = socket->next_) {
        auto* moving = dynamic_cast<TcpSocket*>(socket);
        if (moving == nullptr || !moving->is_at_rest()) continue;
        const auto leaves = moving->detach([this, target](Detached<TcpSocket> detached) {
            auto adopt = [](Worker& there, Detached<TcpSocket> arrived) { there.adopt(std::move(arrived)); };
            if (target.post(adopt, std::move(detached)) == Posted::ok) return;
            this->adopt(std::move(detached));  // NOLINT(bugprone-use-after-move): refused, so still ours
        });
        if (leaves) --count;
    }
}

Result<DatagramSocket*> Worker::open_datagram(const Address& local, std::unique_ptr<DatagramHandler> handler,
                                              const DatagramOptions& options) {
    auto socket = std::make_unique<DatagramSocket>(*this, std::move(handler));
    if (auto started = socket->start(local, options); !started) return fail(started);
    return socket.release();
}

TcpSocket& Worker::connect(const Address& peer, std::unique_ptr<SocketHandler> handler) {
    auto* socket = new (*this) TcpSocket(*this, peer);
    socket->connect(backend().open_stream(peer), std::move(handler));
    return *socket;
}

TcpSocket& Worker::connect_unix(const std::string& path, std::unique_ptr<SocketHandler> handler) {
    auto* socket = new (*this) TcpSocket(*this, {});
    socket->connect(backend().open_unix_stream(path), std::move(handler));
    return *socket;
}

TcpSocket& Worker::adopt(Detached<TcpSocket> detached) {
    auto* socket = new (*this) TcpSocket(*this, detached.peer());
    socket->adopt(std::move(detached));
    return *socket;
}

void Worker::spawn(Task<> task) { (new Spawned(*this))->start(std::move(task)); }

void Worker::end_tasks() {
    while (auto* task = spawned_) {
        task->unlink();
        PENSTOCK_ASSERT(spawned_ != task);
        task->destroy();
        bury(std::unique_ptr<Spawned>(task));
    }
}

bool Worker::has_work() const {
    return backend_->has_ready() || timers_.has_due() || !later_.empty() || deferred_.first != nullptr ||
           !dirty_.empty() || !ended_.empty() || !graves_.empty() || inbox_.has_messages();
}

bool Worker::has_messages() const { return inbox_.has_messages(); }

std::chrono::nanoseconds Worker::sleep_time(std::chrono::nanoseconds at_most) const {
    if (has_work()) return {};
    if (const auto next = timers_.next()) at_most = std::min<std::chrono::nanoseconds>(at_most, *next - now_);
    return std::max(at_most, std::chrono::nanoseconds(0));
}

void Worker::turn(std::chrono::nanoseconds at_most) {
    const Entered entered(this);
    auto time = sleep_time(at_most);
    const bool sleeps = time.count() > 0 && inbox_.go_to_sleep();
    if (!sleeps) time = {};
    const auto slept_from = sleeps ? clock_.now() : TimePoint();
    backend_->wait(time);
    if (sleeps) inbox_.awake();
    read_clock();
    if (sleeps) slept_ += now_ - slept_from;
    stall_watch_.begin_turn();
    Dispatch dispatch(*this);
    backend_->dispatch(dispatch);
    stall_watch_.ran("messages", inbox_.run(*this, messages_per_turn_max));
    stall_watch_.ran("timers", timers_.run(now_, timers_per_turn_max));
    stall_watch_.ran("tasks", run_deferred());
    flush();
    free_ended();
    backend_->free_closed();
    stall_watch_.ran("sockets that end", 0);
    stall_watch_.end_turn();
    if (now_ - measured_from_ >= std::chrono::milliseconds(100)) measure_load();
}

void Worker::read_clock() {
    now_ = clock_.now();
    now_ms_ = static_cast<std::uint32_t>(now_.time_since_epoch() / std::chrono::milliseconds(1));
}

std::uint8_t Worker::marks_index(const WriteMarks& marks) {
    const auto found = std::ranges::find(marks_, &marks);
    if (found != marks_.end()) return static_cast<std::uint8_t>(found - marks_.begin());
    PENSTOCK_ASSERT(marks_.size() < 256);
    marks_.push_back(&marks);
    return static_cast<std::uint8_t>(marks_.size() - 1);
}

void Worker::add_moving(std::unique_ptr<detail::Moving> moving) { moving_.push_back(std::move(moving)); }

detail::Moving& Worker::moving(const TcpSocket& socket) {
    const auto found = std::ranges::find(moving_, &socket, [](const auto& moving) { return moving->socket; });
    PENSTOCK_ASSERT(found != moving_.end());
    return **found;
}

std::unique_ptr<detail::Moving> Worker::take_moving(const TcpSocket& socket) {
    const auto found = std::ranges::find(moving_, &socket, [](const auto& moving) { return moving->socket; });
    PENSTOCK_ASSERT(found != moving_.end());
    auto out = std::move(*found);
    std::swap(*found, moving_.back());
    moving_.pop_back();
    return out;
}

void Worker::measure_load() {
    const auto period = now_ - measured_from_;
    const auto busy = std::max(period - slept_, decltype(period)(0));
    const auto sample = static_cast<unsigned>(busy / (period / 1000));
    gauges_.load.store((gauges_.load.load(std::memory_order_relaxed) * 3 + sample) / 4,
                       std::memory_order_relaxed);
    measured_from_ = now_;
    slept_ = {};
    stall_watch_.calibrate(now_);
}

std::size_t Worker::run_deferred() {
    running_.swap(later_);
    auto all = running_.size();
    for (auto& task : running_) {
        try {
            task();
        } catch (...) {
            caught("later");
        }
    }
    running_.clear();
    for (std::size_t count = 0; deferred_.first != nullptr && count < tasks_per_turn_max; ++count) {
        auto* deferred = deferred_.first;
        deferred->cancel();
        try {
            deferred->on_deferred();
        } catch (...) {
            caught("deferred");
        }
        ++all;
    }
    return all;
}

void Worker::flush() {
    flushing_.swap(dirty_);
    for (auto* socket : flushing_) {
        socket->is_dirty_ = false;
        try {
            socket->flush();
        } catch (...) {
            caught("socket handler");
            socket->on_thrown(Error::os(EFAULT, "the handler threw"));
        }
        stall_watch_.ran(*socket);
    }
    flushing_.clear();
}

void Worker::free_ended() {
    auto ended = std::move(ended_);
    ended_.clear();
    for (const auto& [socket, error] : ended) {  // it may end others: those go in the next turn
        try {
            socket->on_ended(error);
        } catch (...) {
            caught("on_closed");
        }
    }
    for (const auto& [socket, error] : ended) delete socket;
    ended.clear();
    if (ended_.empty()) ended_ = std::move(ended);  // keeps its room
    while (!graves_.empty()) {
        const auto grave = graves_.back();
        graves_.pop_back();
        grave.bury(grave.dead);
    }
}

void Worker::drain() {
    const Entered entered(this);
    is_draining_ = true;
    for (auto* socket = sockets_; socket != nullptr; socket = socket->next_)
        if (!socket->is_ended_) try {
                socket->drain();
            } catch (...) {
                caught("on_drain");
                socket->on_thrown(Error::os(EFAULT, "the handler threw"));
            }
}

std::size_t Worker::cut() {
    const Entered entered(this);
    std::size_t count = 0;
    for (auto* socket = sockets_; socket != nullptr; socket = socket->next_) {
        if (socket->is_ended_) continue;
        if (socket->counts_) ++count;
        socket->abort();
    }
    free_ended();
    return count;
}

}  // namespace penstock::events
