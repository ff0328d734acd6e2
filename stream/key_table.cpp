// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/encrypted_request.hpp>
#include <penstock/stream/key_table.hpp>

#include <algorithm>

namespace penstock::stream {

using crypto::Code;
using crypto::error;

namespace {

/// Whether a certificate that is good counts today: lists may change while its key lives.
bool counts(const NodeId& node, const NodeId& issuer, const NodeKeys& keys) {
    if (node == issuer) return keys.policy.accepts(node);
    return std::ranges::find(keys.issuers, issuer, &crypto::Certificate::node) != keys.issuers.end();
}

}  // namespace

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
    NodeId issuer;
    bool is_authenticated = false;
    std::optional<core::WallTime> not_after;
    std::uint64_t address;
    core::TimePoint made;
    std::list<Entry*>::iterator place;    // in trusted_ when it is authenticated, else in anonymous_
    std::list<Entry*>::iterator of_node;  // when it is authenticated
};

KeyTable::KeyTable(Worker& worker, unsigned workers, const ServiceSettings& settings)
    : worker_(worker), workers_(workers), settings_(settings) {}
KeyTable::~KeyTable() = default;

bool KeyTable::has_too_many(std::uint64_t address) const {
    const auto found = anonymous_by_address_.find(address);
    return (found != anonymous_by_address_.end() ? found->second : 0) >=
           settings_.anonymous_keys_per_address_max;
}

Result<void> KeyTable::admits(const Address& from) const {
    if (has_too_many(stranger(from))) return fail(error(Code::rate_limited));
    if (!handshake_time_.has_some(worker_.now())) return fail(error(Code::overload));
    return {};
}

Result<void> KeyTable::add(const RoutedId& id, FreshKey fresh, const Address& from) {
    const auto address = stranger(from);
    if (has_too_many(address)) return fail(error(Code::rate_limited));
    if (entries_.size() >= settings_.keys_max) evict();
    auto entry = std::make_unique<Entry>(*this, id, std::move(fresh), address, worker_.now());
    worker_.arm(*entry, settings_.key_fresh_max);
    entry->place = anonymous_.insert(anonymous_.end(), entry.get());
    ++anonymous_by_address_[address];
    entries_[id] = std::move(entry);
    return {};
}

void KeyTable::erase(const RoutedId& id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    auto& entry = *found->second;
    if (entry.is_authenticated) {
        trusted_.erase(entry.place);
        const auto list = by_node_.find(entry.node->text());
        list->second.erase(entry.of_node);
        if (list->second.empty()) by_node_.erase(list);
    } else {
        anonymous_.erase(entry.place);
        forget_anonymous(entry);
    }
    worker_.bury(std::move(found->second));  // its own timer may be calling
    entries_.erase(found);
}

/// Those that nobody vouches for go first, the oldest of them.
void KeyTable::evict() {
    const auto& list = anonymous_.empty() ? trusted_ : anonymous_;
    if (!list.empty()) erase(list.front()->id);
}

/// Idle time from now, within the key's life and its certificate's.
void KeyTable::touch(Entry& entry) {
    auto due = std::min(worker_.now() + settings_.key_idle_max, entry.made + settings_.key_life_max);
    if (entry.not_after) {
        const auto left = *entry.not_after - worker_.wall();
        due = std::min(due, worker_.in(std::chrono::duration_cast<std::chrono::nanoseconds>(left)));
    }
    worker_.arm_at(entry, due);
}

void KeyTable::forget_anonymous(const Entry& entry) {
    const auto count = anonymous_by_address_.find(entry.address);
    if (--count->second == 0) anonymous_by_address_.erase(count);
}

void KeyTable::count_failure(Entry& entry) {
    if (entry.fresh && entry.fresh->count_failure()) erase(entry.id);
}

/// Whether who sent a message 3 may use the key; no_error: yes.
Code KeyTable::judge(const ClientClaim& claim, const NodeKeys& keys) const {
    if (const auto believed = verify(claim, worker_.wall(), keys.issuers); !believed)
        return static_cast<Code>(believed.error().code());
    if (!settings_.certificate_for_everything) return Code::no_error;
    if (!claim.certificate) return Code::auth_required;
    return counts(claim.certificate->node(), claim.certificate->issuer(), keys) ? Code::no_error
                                                                                : Code::auth_refused;
}

/// The key's identity is fixed by message 3.
void KeyTable::trust(Entry& entry, const ClientClaim& claim, const NodeKeys& keys) {
    entry.key = claim.key;
    entry.message_hash = claim.message_hash;
    entry.fresh.reset();
    if (!claim.certificate) return;
    const auto& certificate = *claim.certificate;
    entry.node = certificate.node();
    entry.issuer = certificate.issuer();
    entry.not_after = certificate.not_after();
    entry.is_authenticated = counts(*entry.node, entry.issuer, keys);
    if (!entry.is_authenticated) return;
    trusted_.splice(trusted_.end(), anonymous_, entry.place);
    forget_anonymous(entry);
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
    std::optional<TimeSpent> spent;
    if (!entry.key) spent.emplace(handshake_time_, worker_.clock());
    if (!entry.key) {
        auto read = entry.fresh->read(tools.algorithms, prefix->message_3);
        if (!read) {
            count_failure(entry);
            return fail(read);
        }
        claim.emplace(std::move(*read));
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
    if (entry.is_authenticated && !counts(*entry.node, entry.issuer, keys)) {
        erase(prefix->key_id);
        return fail(error(Code::key_unknown));
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
    if (claim) out.refused = judge(*claim, keys);  // last, as signatures cost most
    if (out.refused != Code::no_error) {
        count_failure(entry);
        return out;
    }
    entry.window.set(prefix->n);
    if (claim) trust(entry, *claim, keys);
    out.node = entry.node;
    out.not_after = entry.not_after;
    out.is_authenticated = entry.is_authenticated;
    if (prefix->closes_key)
        erase(prefix->key_id);  // this request is its last
    else
        touch(entry);
    return out;
}

}  // namespace penstock::stream
