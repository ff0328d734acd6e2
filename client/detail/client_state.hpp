// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/client/client.hpp>
#include <penstock/client/secure_uplink.hpp>
#include <penstock/client/transitions.hpp>
#include <penstock/events/deferred.hpp>
#include <penstock/events/timer.hpp>
#include <penstock/http/client_connection.hpp>
#include <penstock/net/connector.hpp>

#include <array>
#include <cerrno>
#include <list>
#include <map>
#include <optional>
#include <utility>

// What a Client is made of: the walk (client_walk.cpp), its stages (client_stages.cpp), the end of its
// session, and the calls of its owner (client.cpp).
namespace penstock::client {

/// How a stage ended.
struct Ended {
    Fact fact = Fact::done;
    Error error{};
    std::chrono::milliseconds after{0};  ///< no retry before
};

/// Whether an uplink is host:port and no more, with a host that we can find.
Result<void> check_uplink(const std::string& uplink);

inline constexpr Error canceled = Error::os(ECANCELED, "the client was closed or aborted");

/// Goes on later in this turn, or in the next.
struct Soon : events::detail::Wakeup {
    bool await_ready() const noexcept { return false; }
    template <std::derived_from<events::detail::PromiseBase> P>
    void await_suspend(std::coroutine_handle<P> awaiting) noexcept {
        waits(*awaiting.promise().root, awaiting);
        schedule();
    }
    void await_resume() const noexcept {}
};

/// A callback of the owner's, which may be replaced while it runs.
template <class A>
using Told = std::unique_ptr<std::move_only_function<void(Client&, A)>>;

/// A coroutine of its own.
struct Call final : events::detail::TaskRoot {
    explicit Call(Worker& worker) : TaskRoot(worker) {}
    void on_finished(std::exception_ptr) override {}
};

/// The effects of the machine: one coroutine walks the stages as the table says.
struct Client::State final : events::detail::TaskRoot, events::Deferred {
    State(Client& c, Worker& worker, Settings s)
        : TaskRoot(worker),
          client(c),
          settings(std::make_shared<const Settings>(std::move(s))),
          channels(std::make_shared<stream::Channels>()) {}

    // The walk.
    Task<> walk();
    Task<Ended> run(Stage of);
    Task<Ended> enc_init();
    Task<Ended> stream_ctl();
    Task<Ended> stream_session();
    Task<Ended> stream_connected();
    Task<std::expected<std::shared_ptr<SecureUplink>, Ended>> shake_hands(std::string address);
    Ended trust(SecureUplink& shown, const crypto::Certificate& certificate);
    bool goes_on_after(const Ended& ended);
    std::chrono::milliseconds backoff(unsigned failed_before);
    std::chrono::milliseconds with_jitter(std::chrono::milliseconds after);
    void start_walk() { defer(worker()); }
    void stop_walk();
    void on_deferred() override;
    void on_finished(std::exception_ptr thrown) override;
    void forget_failures();

    // The owner.
    template <class A>
    bool tell_owner(Told<A>& told, A argument);
    bool tell(Stage of, Status status, Error error = {}, bool will_retry = false,
              std::chrono::milliseconds delay = {});
    template <class R>
    Task<> tell_result(Task<R> task, std::uint64_t id, std::move_only_function<void(Client&, R)> then);
    template <class R>
    void call(Task<R> task, std::move_only_function<void(Client&, R)> then);

    // The session, and the end.
    void drop_session();
    void session_ended(Error error);
    void begin_close();
    void close_with(Result<void> result);
    void closed(const Result<void>& result);
    void to_begin();
    void cancel_all();

    // The key.
    Task<Result<std::shared_ptr<SecureUplink>>> renew();
    Task<> renewal();

    Client& client;
    const std::shared_ptr<const Settings> settings;
    const std::shared_ptr<stream::Channels> channels;
    Told<const StageEvent&> on_stage;
    Told<const NodeId&> on_first_contact;

    Stage stage = Stage::begin;                           // that is walked, or will be next
    Stage target = Stage::begin, awaited = Stage::begin;  // where it stays; what `reach` waits for
    bool is_walking = false;
    unsigned stops = 0;   // a walk that finds another number was stopped
    unsigned begins = 0;  // a handshake likewise: all was given up meanwhile
    std::array<unsigned, stage_count> failures{};
    unsigned retries = 0, fall_backs = 0;
    std::size_t uplink_at = 0, uplinks_failed = 0;
    std::chrono::milliseconds pause{0};  // before the next stage
    core::TimePoint entered;
    events::Answer<Result<void>> reached;

    std::shared_ptr<SecureUplink> uplink;  // one that is trusted
    std::optional<NodeId> node;
    std::list<events::Answer<Result<std::shared_ptr<SecureUplink>>>> renewing;

    std::optional<stream::OpenReply> reply;
    crypto::Suite suite{};
    crypto::Secret<32> psk;
    std::uint32_t sequence = 0;
    std::unique_ptr<net::Connector> connector;
    http::ClientConnection* connection = nullptr;  // connected, not attached yet; its pipeline's
    events::Answer<Ended> attached;
    std::unique_ptr<stream::Session> session;
    std::uint64_t sessions = 0;
    Ended lost_by;  // what ended the last session
    Timer steady{worker(), [this] { forget_failures(); }};

    bool is_closing = false;
    std::optional<Result<void>> close_result;  // once that is known
    Timer late{worker(), [this] {
                   const auto queued = session->queued_bytes() > 0
                                           ? "not all that was queued went out in time"
                                           : "sent, but not acknowledged in time";
                   close_with(fail(Error::os(ETIMEDOUT, queued)));
               }};
    std::list<events::Answer<Result<void>>> closing;

    std::map<std::uint64_t, std::unique_ptr<Call>> calls;
    std::uint64_t next_call = 0;
    bool is_in_call = false;
};

/// False: it has stopped the walk, or is gone.
template <class A>
bool Client::State::tell_owner(Told<A>& told, A argument) {
    if (told == nullptr) return true;
    const auto before = stops;
    try {
        (*told)(client, argument);
    } catch (...) {
        worker().caught("callback of a client");
    }
    return stops == before;
}

}  // namespace penstock::client
