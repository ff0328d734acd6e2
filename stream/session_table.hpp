// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/events/tcp_socket.hpp>
#include <penstock/events/timer_wheel.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/stream/attach.hpp>
#include <penstock/stream/channels.hpp>
#include <penstock/stream/session.hpp>
#include <penstock/stream/session_terms.hpp>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock::stream {

/// What stream_ctl has agreed upon for a session, on its way to the worker where it will live.
struct AgreedSession {
    RoutedId id{};
    crypto::Suite suite = crypto::Suite::aes_gcm;
    crypto::Secret<32> psk{};  ///< of its attaches
    SessionTerms terms{};
    NodeId node{};
    std::chrono::milliseconds attach_ttl = stream::attach_ttl;
    std::chrono::nanoseconds life = session_life;  ///< from now on, attached or not

    static constexpr bool sendable = true;  // it owns all that is in it
};

/// The sessions of one worker, by id: agreed upon, then attached once (resumption comes later), then gone, at
/// the latest when their life is over.
/// Owner: the worker (make_local). Thread: its own.
class SessionTable : core::Affine {
public:
    /// What the other end of an attach needs.
    struct Attached {
        AttachMessage message_2{};
        RecordKeys keys{};
        static constexpr bool sendable = true;
    };

    SessionTable(Worker& worker, std::shared_ptr<Channels> channels, std::size_t per_node_max);
    ~SessionTable();

    /// Error: quota, this node has too many.
    Result<void> add(const AgreedSession& agreed);
    /// The first half of an attach (docs/protocol.md, 2.3): checks, and takes the sequence number. Errors:
    /// no_session (also for a message that does not open), attach_stale, handshake (a key of small order).
    Result<Attached> attach(const RoutedId& id, std::uint32_t sequence, const AttachMessage& message_1);
    /// The second half: the connection is here. Writes the 101 and begins the session.
    void begin(const RoutedId& id, std::uint32_t sequence, const Attached& attached,
               Detached<TcpSocket> socket);

    bool is_of(const RoutedId& id, const NodeId& node) const;
    void close(const RoutedId& id);

    struct Status {
        std::string id, node, peer;  ///< peer: empty until it is attached
        std::size_t channels = 0;
        bool attached = false;
    };
    /// Of some, when there are more.
    std::vector<Status> status(std::size_t at_most) const;
    std::size_t size() const { return entries_.size(); }
    const std::shared_ptr<Channels>& channels() const { return channels_; }

private:
    struct Entry;
    struct NodeHash {
        std::size_t operator()(const NodeId& node) const {
            std::size_t out;
            std::memcpy(&out, node.bytes().data(), sizeof out);
            return out;
        }
    };
    void erase(const RoutedId& id);
    void life_is_over(Entry& entry);

    Worker& worker_;
    const std::shared_ptr<Channels> channels_;
    const std::size_t per_node_max_;
    std::unordered_map<RoutedId, std::unique_ptr<Entry>, RoutedIdHash> entries_;
    std::unordered_map<NodeId, std::size_t, NodeHash> by_node_;  // how many of each; never zero
};

}  // namespace penstock::stream
