// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <bench/client.hpp>
#include <bench/generator.hpp>
#include <bench/host.hpp>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace penstock::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto bad(const char* text) { return fail(Error::user(1, text)); }

}  // namespace

Generator::Generator(Generator&& other) noexcept
    : epoll_(std::exchange(other.epoll_, -1)),
      connections_(std::exchange(other.connections_, {})),
      batch_(std::move(other.batch_)),
      prefix_(std::move(other.prefix_)),
      room_(std::move(other.room_)),
      reply_bytes_(other.reply_bytes_),
      depth_(other.depth_) {}

Generator::~Generator() {
    for (const auto& connection : connections_) ::close(connection.descriptor);
    if (epoll_ >= 0) ::close(epoll_);
}

Result<void> Generator::learn(std::uint16_t port, const Traffic& traffic) {
    const auto descriptor = open_connection(port);
    if (!descriptor) return fail(descriptor);
    const auto reply = ask_once(*descriptor, traffic);
    ::close(*descriptor);
    if (!reply) return fail(reply);
    reply_bytes_ = reply->size();
    prefix_ = reply->substr(0, std::min<std::size_t>(reply->size(), 12));  // "HTTP/1.1 200"
    return {};
}

Result<Generator> Generator::connect(std::uint16_t port, const Traffic& traffic) {
    Generator out;
    if (const auto learnt = out.learn(port, traffic); !learnt) return fail(learnt);
    out.depth_ = static_cast<std::uint64_t>(traffic.depth);
    for (int i = 0; i < traffic.depth; ++i) out.batch_ += traffic.request;
    // Longer than any batch of replies, so that one receive empties the socket and edges suffice.
    out.room_.resize(std::max<std::size_t>(out.reply_bytes_ * out.depth_ + 1, 64 * 1024));
    out.epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (out.epoll_ < 0) return fail(Error::os(errno, "epoll_create1"));
    out.connections_.reserve(static_cast<std::size_t>(traffic.connections));
    for (int i = 0; i < traffic.connections; ++i) {
        const auto descriptor = open_connection(port);
        if (!descriptor) return fail(descriptor);
        auto& connection = out.connections_.emplace_back(*descriptor);
        epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
                          .data = {.u64 = static_cast<std::uint64_t>(i)}};
        if (::epoll_ctl(out.epoll_, EPOLL_CTL_ADD, connection.descriptor, &event) < 0)
            return fail(Error::os(errno, "epoll_ctl"));
    }
    return out;
}

Result<void> Generator::send_batch(Connection& connection) {
    connection.due_bytes = reply_bytes_ * depth_;
    return send_all(connection.descriptor, batch_, MSG_DONTWAIT);
}

/// True when the batch is answered.
Result<bool> Generator::receive(Connection& connection) {
    const auto count = ::recv(connection.descriptor, room_.data(), room_.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return false;
    if (count < 0) return fail(Error::os(errno, "recv"));
    if (count == 0) return bad("the server closed a connection");
    const auto bytes = static_cast<std::size_t>(count);
    if (bytes > connection.due_bytes) return bad("the server sent more than it was asked for");
    if (connection.due_bytes == reply_bytes_ * depth_ && bytes >= prefix_.size() &&
        std::memcmp(room_.data(), prefix_.data(), prefix_.size()) != 0)
        return bad("a reply begins unlike the first one");
    connection.due_bytes -= bytes;
    return connection.due_bytes == 0;
}

/// `more(sent)` says whether a further batch is to be sent after that many.
template <class More>
Result<std::uint64_t> Generator::run(More more) {
    std::uint64_t sent = 0, answered = 0;
    for (auto& connection : connections_) {
        if (!more(sent)) break;
        if (const auto ok = send_batch(connection); !ok) return fail(ok);
        ++sent;
    }
    std::array<epoll_event, 256> events;
    auto heard = SteadyClock::now();
    while (answered < sent) {
        const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
        if (ready < 0 && errno != EINTR) return fail(Error::os(errno, "epoll_wait"));
        if (is_interrupted()) return bad("interrupted");
        const auto now = SteadyClock::now();
        if (ready > 0) heard = now;
        if (now - heard > silence_max) return bad("the server stopped answering");
        for (int i = 0; i < ready; ++i) {
            const auto& event = events[static_cast<std::size_t>(i)];
            auto& connection = connections_[event.data.u64];
            const auto whole = receive(connection);
            if (!whole) return fail(whole);
            answered += *whole;
            if (*whole && !more(sent)) continue;
            // The end may come on the same edge as the bytes before it: there will be no other.
            if (event.events & EPOLLRDHUP) return bad("the server closed a connection");
            if (!*whole) continue;
            if (const auto ok = send_batch(connection); !ok) return fail(ok);
            ++sent;
        }
    }
    return answered * depth_;
}

Result<std::uint64_t> Generator::run_for(std::chrono::nanoseconds duration) {
    const auto end = SteadyClock::now() + duration;
    return run([end](std::uint64_t) { return SteadyClock::now() < end; });
}

Result<std::uint64_t> Generator::run_count(std::uint64_t requests) {
    const auto batches = requests / depth_;
    return run([batches](std::uint64_t sent) { return sent < batches; });
}

}  // namespace penstock::bench
