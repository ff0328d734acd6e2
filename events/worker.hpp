// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/assert.hpp>
#include <penstock/core/block_pool.hpp>
#include <penstock/core/clock.hpp>
#include <penstock/core/home.hpp>
#include <penstock/core/log.hpp>
#include <penstock/core/random.hpp>
#include <penstock/events/backend.hpp>
#include <penstock/events/locals.hpp>
#include <penstock/events/remote.hpp>
#include <penstock/events/stall_watch.hpp>
#include <penstock/events/task.hpp>
#include <penstock/events/timer_wheel.hpp>

#include <concepts>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace penstock::events {

class AcceptBalance;
class DatagramHandler;
class DatagramSocket;
class EventSocket;
class Listener;
class Reactor;
class SharedListener;
class SocketHandler;
class TcpSocket;
class Worker;
struct WriteMarks;
namespace detail {
struct Moving;
}

/// The memory of TcpSockets.
using SocketPool = core::BlockPool<168>;

/// Makes the handler of an accepted connection.
using MakeHandler = std::move_only_function<std::unique_ptr<SocketHandler>(TcpSocket&)>;

/// What other threads may read of a worker, outliving it.
struct WorkerGauges {
    std::atomic<unsigned> load{0};  ///< share of its time in which it was busy, in thousandths, recently
    std::atomic<std::size_t> sockets{0};  ///< those that count when it drains
    std::atomic<std::size_t> coming{0};   ///< fresh connections that others have handed over, on their way
    StallWatch::Counts stall_counts;
};

/// Keeps a lent object alive, whatever its type.
struct Shared {
    std::shared_ptr<const void> object;
};

/// `co_await worker.sleep(d)`.
class [[nodiscard]] Sleep : Deadline {
public:
    Sleep(Worker& worker, std::chrono::nanoseconds duration) : worker_(worker), duration_(duration) {}
    bool await_ready() const noexcept { return false; }
    template <std::derived_from<detail::PromiseBase> P>
    void await_suspend(std::coroutine_handle<P> awaiting) {
        root_ = awaiting.promise().root;
        frame_ = awaiting;
        begin();
    }
    void await_resume() const noexcept {}

private:
    void begin();
    void on_due() override { root_->resume(frame_); }
    Worker& worker_;
    std::chrono::nanoseconds duration_;
    detail::TaskRoot* root_ = nullptr;
    std::coroutine_handle<> frame_;
};

/// One loop on one thread (pinned to one CPU), and all that it owns: sockets, timers, tasks, slabs, typed
/// locals. It is the context that is passed instead of globals.
///
/// A turn: wait in the backend, dispatch its events, take the inbox, run due timers, run what was put off
/// (`later`, resumed coroutines), flush the output that became due, free what has ended. Each step has a
/// budget.
///
/// Thread: its own; foreign threads hold a Remote<Worker>. Owner: its Reactor.
class Worker final : public core::Home, core::Affine {
public:
    /// What one turn takes at most.
    static constexpr std::size_t messages_per_turn_max = 1024, timers_per_turn_max = 1024,
                                 tasks_per_turn_max = 1024;

    struct Parts {
        unsigned index = 0;
        Reactor* reactor = nullptr;
        std::unique_ptr<Backend> backend;  ///< started
        const core::Clock* clock = nullptr;
        core::Random* random = nullptr;
        Log* log = nullptr;
        WorkerGauges* gauges = nullptr;
        std::chrono::nanoseconds stall_limit{0};  ///< zero: not looked at
        bool has_thread = false;                  ///< of its own: then calls from others are told
    };
    explicit Worker(Parts parts);
    ~Worker();

    unsigned index() const { return index_; }
    Reactor& reactor() const { return *reactor_; }
    Remote<Worker> remote() { return {inbox_, inbox_.epoch(), {}}; }
    /// The worker whose thread this is, or null.
    static Worker* current() { return static_cast<Worker*>(core::Home::current()); }

    /// Read once a turn, when the wait returns.
    TimePoint now() const { return now_; }
    /// Likewise in milliseconds, cut off; for what only compares. Starts again from zero every 49 days.
    std::uint32_t now_ms() const { return now_ms_; }
    core::WallTime wall() const { return clock_.wall(); }
    const core::Clock& clock() const { return clock_; }
    core::Random& random() { return random_; }
    Log& log() { return log_; }
    Backend& backend() { return *backend_; }
    OperationPool& operations() { return operations_; }

    /// This worker's one T: made at its first use from T(worker) or T(), unless make_local or Reactor::lend
    /// came before. Of a const T it is the one that was lent: do not keep the reference beyond the turn.
    template <class T>
    T& local() {
        if (auto* found = locals_.find<T>()) return *found;
        if constexpr (std::is_const_v<T> ||
                      (!std::constructible_from<T, Worker&> && !std::default_initializable<T>))
            missing_local(typeid_name<T>());
        else if constexpr (std::constructible_from<T, Worker&>)
            return locals_.make<T>(*this);
        else
            return locals_.make<T>();
    }
    template <class T>
    T* find_local() {
        return locals_.find<T>();
    }
    template <class T, class... A>
    T& make_local(A&&... args) {
        return locals_.make<T>(std::forward<A>(args)...);
    }

    /// Accepts on this worker; `make` gives each connection its handler. The address is shared with the other
    /// workers.
    template <class Make>
        requires std::convertible_to<std::invoke_result_t<Make&, TcpSocket&>, std::unique_ptr<SocketHandler>>
    Result<void> listen(const Address& address, Make make) {
        auto listening = open_listener(address, std::move(make));
        if (!listening) return fail(listening);
        return {};
    }
    Result<Listener*> open_listener(const Address& address, MakeHandler make);
    /// Accepts beside other workers from one socket: of a unix path, or one that was passed in.
    Result<Listener*> open_listener(const SharedListener& shared, MakeHandler make);
    /// Bound to this address; the address may be shared with other workers, which then have their own
    /// senders.
    Result<DatagramSocket*> open_datagram(const Address& local, std::unique_ptr<DatagramHandler> handler,
                                          const DatagramOptions& options = {});
    /// Always comes as a reference: a failure is told by on_closed.
    TcpSocket& connect(const Address& peer, std::unique_ptr<SocketHandler> handler);
    /// To a unix stream socket: its path, or '@' and a name without a file.
    TcpSocket& connect_unix(const std::string& path, std::unique_ptr<SocketHandler> handler);
    TcpSocket& adopt(Detached<TcpSocket> detached);

    /// Runs a coroutine that nobody awaits; it dies with the worker. What it throws is logged.
    void spawn(Task<> task);
    /// All that were spawned end at their co_await, now. Not from inside one of them.
    void end_tasks();
    /// Runs it later in this turn, or in the next.
    void later(std::move_only_function<void()> task) {
        check_here();
        later_.push_back(std::move(task));
    }
    Sleep sleep(std::chrono::nanoseconds duration) { return {*this, duration}; }

    void arm(Deadline& deadline, std::chrono::nanoseconds after) { arm_at(deadline, in(after)); }
    /// The time after `after`, or the last one that there is.
    TimePoint in(std::chrono::nanoseconds after) const {
        return after > TimePoint::max() - now_ ? TimePoint::max() : now_ + after;
    }
    void arm_at(Deadline& deadline, TimePoint due) {
        check_here();
        timers_.arm(deadline, due);
    }

    /// Frees it at the end of the turn: for owners that end inside their own callbacks.
    template <class T>
    void bury(std::unique_ptr<T> ended) {
        if (ended != nullptr)
            graves_.push_back({ended.release(), [](void* dead) { delete static_cast<T*>(dead); }});
    }

    HandleTable& handles() { return handles_; }
    template <class T>
    Remote<T> remote_to(HandleTable::Handle handle) {
        return {inbox_, inbox_.epoch(), handle};
    }
    Inbox& inbox() { return inbox_; }

    /// Every preset but release: ends the process when the caller is not on this worker.
    void check_here() const {
#if defined(PENSTOCK_CHECKS)
        PENSTOCK_ASSERT(!has_thread_ || current() == this);
#endif
    }

    const WorkerGauges& gauges() const { return gauges_; }
    /// Sockets that count when it drains.
    std::size_t sockets() const { return gauges_.sockets.load(std::memory_order_relaxed); }

    /// Null: connections stay where the system put them.
    AcceptBalance* balance() const { return balance_; }
    Listener* find_listener(const Address& address, const void* group);

    // For the Reactor and the simulation, which drive it.

    void balance(AcceptBalance* shared) { balance_ = shared; }
    /// Asks `count` connections that are at rest to move to `target`.
    void move_away(std::size_t count, const Remote<Worker>& target);

    /// One turn; blocks for at most `at_most`, and not at all while there is something to do.
    void turn(std::chrono::nanoseconds at_most);
    bool has_work() const;
    std::optional<TimePoint> next_deadline() const { return timers_.next(); }
    /// Listeners close, sockets end as soon as they are at rest.
    void drain();
    bool is_drained() const { return sockets() == 0 && listeners_ == 0; }
    bool is_draining() const { return is_draining_; }
    bool has_messages() const;
    /// Listeners that still empty their queues.
    void listens(int more) { listeners_ += more; }
    /// Aborts what is left; answers how many sockets were cut.
    std::size_t cut();
    // For sockets.

    void flush_later(EventSocket& socket) { dirty_.push_back(&socket); }
    void forget_flush(EventSocket& socket) { std::erase(dirty_, &socket); }
    SocketPool& tcp_sockets() { return tcp_sockets_; }
    /// A number for a table of limits, which outlives its sockets. At most 256 tables.
    std::uint8_t marks_index(const WriteMarks& marks);
    const WriteMarks& marks(std::uint8_t index) const { return *marks_[index]; }
    void add_moving(std::unique_ptr<detail::Moving> moving);
    detail::Moving& moving(const TcpSocket& socket);
    std::unique_ptr<detail::Moving> take_moving(const TcpSocket& socket);

    void lend_index(std::size_t type, const void* object) { locals_.lend_index(type, object); }
    void lend_shared(std::size_t type, std::shared_ptr<const Shared> shared);
    void caught(const char* where) noexcept;

private:
    friend class EventSocket;
    friend class TcpSocket;
    friend class Deferred;
    class Dispatch;
    struct Spawned;
    struct Grave {
        void* dead;
        void (*bury)(void*);
    };

    template <class T>
    static const char* typeid_name() {
        return __PRETTY_FUNCTION__;
    }
    [[noreturn]] static void missing_local(const char* type);
    void add(EventSocket& socket);
    void remove(EventSocket& socket);
    void ended(EventSocket& socket, Error error) { ended_.push_back({&socket, error}); }
    std::chrono::nanoseconds sleep_time(std::chrono::nanoseconds at_most) const;
    std::size_t run_deferred();
    void flush();
    void free_ended();
    void measure_load();
    void read_clock();

    const unsigned index_;
    Reactor* const reactor_;
    const core::Clock& clock_;
    core::Random& random_;
    Log& log_;
    const std::unique_ptr<Backend> backend_;
    Inbox& inbox_;
    TimePoint now_;
    std::uint32_t now_ms_ = 0;
    TimerWheel timers_;
    HandleTable handles_;
    OperationPool operations_;
    Locals locals_;
    std::vector<std::move_only_function<void()>> later_, running_;
    DeferredList deferred_;
    struct Ended {
        EventSocket* socket;
        Error error;
    };
    std::vector<EventSocket*> dirty_, flushing_;
    std::vector<Ended> ended_;
    SocketPool tcp_sockets_;
    std::vector<const WriteMarks*> marks_;
    std::vector<std::unique_ptr<detail::Moving>> moving_;
    std::vector<Grave> graves_;
    EventSocket* sockets_ = nullptr;
    Spawned* spawned_ = nullptr;
    std::map<std::size_t, std::shared_ptr<const Shared>> shared_;
    WorkerGauges& gauges_;
    StallWatch stall_watch_;
    const bool has_thread_;
    TimePoint measured_from_;
    std::chrono::nanoseconds slept_{0};
    AcceptBalance* balance_ = nullptr;
    bool is_draining_ = false;
    int listeners_ = 0;
};

}  // namespace penstock::events

namespace penstock {
using events::Worker;
}
