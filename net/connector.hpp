// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/deferred.hpp>
#include <penstock/events/task.hpp>
#include <penstock/events/timer.hpp>
#include <penstock/net/pipeline/pipeline.hpp>

#include <chrono>
#include <functional>
#include <string_view>
#include <vector>

namespace penstock::net {

/// The addresses of a host as a URL writes it: "127.0.0.1", "[::1]", or "localhost" (127.0.0.1, then ::1).
/// Other names are an error: there is no resolver yet.
Result<std::vector<Address>> addresses_of(std::string_view host, std::uint16_t port);

struct ConnectTimes {
    std::chrono::milliseconds next_after{250};  ///< an address has so long before the next one is tried, too
    std::chrono::milliseconds time_max{5'000};  ///< for all of them
};

/// Connects to the first of several addresses that answers (RFC 8305, 5): they are tried in the order given,
/// the next one when the last has failed or has been silent for a while; the first connection wins, the
/// others are cut. The winner gets a pipeline on a SocketCarrier, which is its worker's from then on.
///
/// One connect at a time; no callback comes inside `connect`. Its end, also inside its own callbacks, cancels
/// what runs. Owner: you. Thread: its worker's.
class Connector : core::Affine, events::Deferred {
public:
    /// Fills the pipeline of the winner, from left to right. Called at most once, before the answer.
    using Fill = std::move_only_function<void(Pipeline&)>;
    using Then = std::move_only_function<void(Result<void>)>;

    explicit Connector(Worker& worker, ConnectTimes times = {});
    ~Connector() override;

    /// Errors: of the address that failed first, or ETIMEDOUT, or EFAULT when `fill` threw.
    void connect(std::vector<Address> addresses, Fill fill, Then then);
    Awaitable<Result<void>> connect(std::vector<Address> addresses, Fill fill);
    bool is_connecting() const { return is_connecting_; }

private:
    struct Attempt;

    void begin(std::vector<Address> addresses, Fill fill);
    void try_next();
    void failed(Attempt& attempt, Error error);
    void connected(Attempt& attempt, events::TcpSocket& socket);
    void cut();
    void finish(Result<void> result);
    void on_deferred() override { try_next(); }

    Worker& worker_;
    const ConnectTimes times_;
    std::vector<Address> addresses_;
    std::size_t next_ = 0;
    std::vector<Attempt*> attempts_;
    Attempt* winner_ = nullptr;  // while `fill` runs
    Timer stagger_, deadline_;
    Fill fill_;
    Then then_;
    events::Answer<Result<void>> answer_;
    Error first_error_;
    bool is_connecting_ = false;
};

}  // namespace penstock::net
