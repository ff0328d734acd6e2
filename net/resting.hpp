// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/net/pipeline/pipeline.hpp>

#include <cstddef>
#include <functional>
#include <memory>

namespace penstock::net {

/// Fills the pipeline of a connection from left to right: when it is new, and when bytes come after a rest.
using Fill = std::move_only_function<void(Pipeline&)>;

/// What an idle connection keeps in place of its pipeline. It closes when the peer ends or the worker drains.
/// Owner: its socket.
class Resting final : public events::SocketHandler {
public:
    explicit Resting(std::shared_ptr<Fill> fill) : fill_(std::move(fill)) {}

private:
    void on_read(TcpSocket& socket, Slice slice) override;

    std::shared_ptr<Fill> fill_;
};

/// A place in a RestList.
class RestLink : core::Affine {
public:
    RestLink() = default;
    ~RestLink() { unlink(); }
    bool is_linked() const { return next_ != this; }
    void unlink();

private:
    friend class RestList;

    RestLink* previous_ = this;
    RestLink* next_ = this;
    std::size_t* count_ = nullptr;
};

/// Connections of one worker that are at rest and still have their pipelines, so that a busy few don't make
/// them anew for each request. Worker-local.
class RestList : core::Affine {
public:
    static constexpr std::size_t kept_max = 128;

    RestList() = default;
    ~RestList();

    /// Behind all others. Answers the first, which is out of the list then, when that is one too many.
    [[nodiscard]] RestLink* add(RestLink& link);
    std::size_t size() const { return count_; }

private:
    std::size_t count_ = 0;
    RestLink ends_;
};

}  // namespace penstock::net
