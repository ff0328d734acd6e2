// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/address.hpp>
#include <penstock/core/affine.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/slice.hpp>
#include <penstock/events/timer_wheel.hpp>
#include <penstock/events/worker.hpp>
#include <penstock/stream/ciphers.hpp>
#include <penstock/stream/message_key.hpp>
#include <penstock/stream/message_records.hpp>
#include <penstock/stream/node_keys.hpp>
#include <penstock/stream/rate_limit.hpp>
#include <penstock/stream/replay_window.hpp>
#include <penstock/stream/routed_id.hpp>
#include <penstock/stream/server_handshake.hpp>
#include <penstock/stream/service_settings.hpp>

#include <cstring>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>

namespace penstock::stream {

/// Record 0 of an encrypted request, opened by its key's owner, and all that the connection's worker needs to
/// go on alone. Crosses threads.
struct OpenedRequest {
    Buffer plain{};
    bool is_final = false;
    MessageKey request_key{};
    MessageKey response_key{};
    Salt response_salt{};
    std::uint64_t n = 0;
    RoutedId key_id{};
    crypto::Suite suite = crypto::Suite::aes_gcm;
    crypto::Secret<32> exporter{};              ///< sessions are derived from it
    std::optional<NodeId> node{};               ///< of the client's certificate
    std::optional<core::WallTime> not_after{};  ///< likewise: what follows from it lives no longer
    bool is_authenticated = false;
    crypto::Code refused = crypto::Code::no_error;  ///< message 3 was not believed: answer 403, sealed
    static constexpr bool sendable = true;
};

/// The request keys of one worker (docs/protocol.md, 1.6 to 1.9): each id names its owner, so there is no
/// shared table. Owner: the worker (local). Thread: its own.
class KeyTable : core::Affine {
public:
    KeyTable(Worker& worker, unsigned workers, const ServiceSettings& settings);
    ~KeyTable();

    /// An id whose owner is this worker.
    RoutedId new_id() { return make_routed_id(worker_.random(), worker_.index(), workers_); }
    unsigned owner(const RoutedId& id) const { return owner_of(id, workers_); }
    unsigned workers() const { return workers_; }
    /// To be asked before a handshake is computed. Errors: rate_limited, `add` takes no other key from there;
    /// overload, handshakes have had their share of the worker's time.
    Result<void> admits(const Address& from) const;
    /// What handshakes may take (docs/protocol.md, 1.5); messages 3 are never refused, but they count.
    TimeShare& handshake_time() { return handshake_time_; }
    /// Between message 2 and message 3. Error: rate_limited, this address has too many keys that nobody
    /// vouches for.
    Result<void> add(const RoutedId& id, FreshKey fresh, const Address& from);

    /// Prefix and record 0 (docs/protocol.md, 1.5 and 1.7): key, replay window, message 3, tag, certificate,
    /// window, in that order. A key whose node counts no more is erased. Errors, for an answer in clear:
    /// protocol, key_unknown, handshake, replay, decrypt.
    Result<OpenedRequest> open(Bytes prefix_and_record, Behind behind, const NodeKeys& keys);
    void erase(const RoutedId& id);

    std::size_t size() const { return entries_.size(); }

private:
    struct Entry;
    crypto::Code judge(const ClientClaim& claim, const NodeKeys& keys) const;
    void touch(Entry& entry);
    bool has_too_many(std::uint64_t address) const;
    void count_failure(Entry& entry);
    void forget_anonymous(const Entry& entry);
    void trust(Entry& entry, const ClientClaim& claim, const NodeKeys& keys);
    void evict();

    Worker& worker_;
    const unsigned workers_;
    const ServiceSettings& settings_;
    TimeShare handshake_time_{settings_.handshake_time_share, settings_.handshake_time_burst};
    std::unordered_map<RoutedId, std::unique_ptr<Entry>, RoutedIdHash> entries_;
    std::list<Entry*> anonymous_, trusted_;  // each entry is in one of them; oldest first
    std::unordered_map<std::uint64_t, std::size_t> anonymous_by_address_;
    std::unordered_map<std::string, std::list<Entry*>> by_node_;  // oldest first
};

/// A worker's cryptographic tools.
struct CryptoTools {
    crypto::Algorithms algorithms;
    Ciphers ciphers{algorithms};
};

}  // namespace penstock::stream
