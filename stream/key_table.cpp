// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/key_table.hpp>
#include <penstock/stream/rate_limit.hpp>

#include <algorithm>

namespace penstock::stream {

using crypto::Code;
using crypto::error;

/// FRESH until a message 3 was believed, then ACTIVE; erased by time, by failures or to make room.
struct KeyTable::Entry final : events::Deadline {
    Entry(KeyTable& t, const RoutedId& i, FreshKey f, std::uint64_t from, core::TimePoint now)
        : table(t), id(i), fresh(std::move(f)), address(from), made(now) {}
    void on_due() override { table.erase(id); }

    KeyTable& table;
    RoutedId id;
    std::optional<FreshKey> fresh;
    std::optional<RequestKey> key;
    RequestWindow window;
    crypto::Hash message_hash{};
    std::optional<NodeId> node;
    bool is_authenticated = false;
    std::optional<core::WallTime> not_after;
    std::uint64_t address;
    core::TimePoint made;
    std::optional<std::list<Entry*>::iterator> anonymous, of_node;
};

KeyTable::KeyTable(Worker& worker, unsigned workers, const ServiceSettings& settings)
    : worker_(worker), workers_(workers), settings_(settings) {}
KeyTable::~KeyTable() = default;

Result<void> KeyTable::add(const RoutedId& id, FreshKey fresh, const Address& from) {
    const auto address = stranger(from);
    if (anonymous_by_address_[address] >= settings_.anonymous_keys_per_address_max)
        return fail(error(Code::rate_limited));
    if (entries_.size() >= settings_.keys_max) evict();
    auto entry = std::make_unique<Entry>(*this, id, std::move(fresh), address, worker_.now());
    worker_.arm(*entry, settings_.key_fresh_max);
    entry->anonymous = anonymous_.insert(anonymous_.end(), entry.get());
    ++anonymous_by_address_[address];
    entries_[id] = std::move(entry);
    return {};
}

void KeyTable::erase(const RoutedId& id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    auto& entry = *found->second;
    if (entry.anonymous) {
        anonymous_.erase(*entry.anonymous);
        const auto count = anonymous_by_address_.find(entry.address);
        if (--count->second == 0) anonymous_by_address_.erase(count);
    }
    if (entry.of_node) {
        const auto list = by_node_.find(entry.node->text());
        list->second.erase(*entry.of_node);
        if (list->second.empty()) by_node_.erase(list);
    }
    worker_.bury(std::move(found->second));  // its own timer may be calling
    entries_.erase(found);
}

/// Those that nobody vouches for go first, the oldest of them.
void KeyTable::evict() {
    auto* oldest = !anonymous_.empty() ? anonymous_.front() : nullptr;
    if (oldest == nullptr)
        oldest = std::ranges::min_element(entries_, {}, [](const auto& pair) {
                     return pair.second->made;
                 })->second.get();
    erase(oldest->id);
}

/// Idle time from now, within the key's life and its certificate's.
void KeyTable::touch(Entry& entry) {
    auto due = std::min(worker_.now() + settings_.key_idle_max, entry.made + settings_.key_life_max);
    if (entry.not_after) {
        const auto left = *entry.not_after - worker_.wall();
        due = std::min(due, worker_.now() + std::chrono::duration_cast<core::TimePoint::duration>(left));
    }
    worker_.arm_at(entry, due);
}

void KeyTable::count_failure(Entry& entry) {
    if (entry.fresh && entry.fresh->count_failure()) erase(entry.id);
}

Result<void> KeyTable::activate(Entry& entry, Bytes message_3, const NodeKeys& keys,
                                std::optional<ClientClaim>& claim, Code& refused) {
    auto& algorithms = worker_.local<CryptoTools>().algorithms;
    auto read = entry.fresh->read(algorithms, message_3);
    if (!read) {
        count_failure(entry);
        return fail(read);
    }
    claim.emplace(std::move(*read));
    if (auto believed = verify(*claim, worker_.wall(), keys.issuers); !believed)
        refused = static_cast<Code>(believed.error().code());
    return {};
}

/// The key's identity is fixed by message 3.
void KeyTable::trust(Entry& entry, const ClientClaim& claim, const NodeKeys& keys) {
    entry.key = claim.key;
    entry.message_hash = claim.message_hash;
    entry.fresh.reset();
    if (!claim.certificate) return;
    const auto& certificate = *claim.certificate;
    entry.node = certificate.node();
    entry.not_after = certificate.not_after();
    entry.is_authenticated = !certificate.is_self_signed() || keys.policy.accepts(certificate.node());
    if (!entry.is_authenticated) return;
    anonymous_.erase(*std::exchange(entry.anonymous, std::nullopt));
    const auto count = anonymous_by_address_.find(entry.address);
    if (--count->second == 0) anonymous_by_address_.erase(count);
    auto& list = by_node_[entry.node->text()];
    entry.of_node = list.insert(list.end(), &entry);
    if (list.size() > settings_.keys_per_node_max) erase(list.front()->id);
}

Result<OpenedRequest> KeyTable::open(Bytes message, Behind behind, const NodeKeys& keys) {
    auto& tools = worker_.local<CryptoTools>();
    const auto prefix = parse_request_prefix(message);
    if (!prefix) return fail(prefix);
    const auto found = entries_.find(prefix->key_id);
    if (found == entries_.end()) return fail(error(Code::key_unknown));
    auto& entry = *found->second;
    if (!entry.key && prefix->message_3.empty()) return fail(error(Code::key_unknown));
    if (!entry.window.check(prefix->n)) return fail(error(Code::replay));

    OpenedRequest out;
    std::optional<ClientClaim> claim;
    if (!entry.key) {
        if (auto read = activate(entry, prefix->message_3, keys, claim, out.refused); !read)
            return fail(read);
    } else if (!prefix->message_3.empty() &&
               message_3_hash(tools.algorithms, prefix->message_3) != entry.message_hash) {
        return fail(error(Code::handshake));
    }
    const auto& key = claim ? claim->key : *entry.key;
    out.request_key = request_message_key(tools.algorithms, key, prefix->n, prefix->salt);
    const auto record = message.from(0);
    out.plain = Buffer::room(record.size());
    MessageOpener opener(out.request_key);
    const auto opened = opener.open(tools.ciphers, prefix->bytes(), record, behind,
                                    std::span(out.plain.writable(), out.plain.size()));
    if (!opened) {
        if (claim) count_failure(entry);
        return fail(opened);
    }
    out.plain.keep(opened->plain.size());
    out.is_final = opened->is_final;
    out.n = prefix->n;
    out.key_id = prefix->key_id;
    out.suite = key.suite;
    out.exporter = key.exporter;
    worker_.random().fill(std::as_writable_bytes(std::span(out.response_salt)));
    out.response_key =
        response_message_key(tools.algorithms, key, prefix->n, prefix->salt, out.response_salt);
    if (out.refused != Code::no_error) {
        count_failure(entry);
        return out;
    }
    entry.window.set(prefix->n);
    if (claim) trust(entry, *claim, keys);
    out.node = entry.node;
    out.is_authenticated = entry.is_authenticated;
    touch(entry);
    if (prefix->closes_key) worker_.arm(entry, std::chrono::nanoseconds(0));  // this request is its last
    return out;
}

}  // namespace penstock::stream
