// SPDX-License-Identifier: Apache-2.0
#include <penstock/net/socket_carrier.hpp>
#include <penstock/stream/key_table.hpp>
#include <penstock/stream/session_table.hpp>
#include <penstock/stream/tcp_carrier.hpp>

#include <utility>

namespace penstock::stream {

using crypto::Code;
using crypto::error;

struct SessionTable::Entry final : events::Deadline {
    struct Life final : events::Deadline {
        explicit Life(Entry& e) : entry(e) {}
        void on_due() override { entry.table.life_is_over(entry); }
        Entry& entry;
    };

    Entry(SessionTable& t, const AgreedSession& a) : table(t), agreed(a), life(*this) {}
    void on_due() override { table.erase(agreed.id); }  // nobody attached in time

    SessionTable& table;
    AgreedSession agreed;
    Life life;
    std::uint32_t last_sequence = 0;
    std::unique_ptr<Session> session;
};

SessionTable::SessionTable(Worker& worker, std::shared_ptr<Channels> channels, std::size_t per_node_max)
    : worker_(worker), channels_(std::move(channels)), per_node_max_(per_node_max) {}
SessionTable::~SessionTable() = default;

Result<void> SessionTable::add(const AgreedSession& agreed) {
    const auto same = by_node_.find(agreed.node);
    if ((same != by_node_.end() ? same->second : 0) >= per_node_max_) return fail(error(Code::quota));
    auto entry = std::make_unique<Entry>(*this, agreed);
    worker_.arm(*entry, agreed.attach_ttl);
    worker_.arm(entry->life, agreed.life);
    entries_[agreed.id] = std::move(entry);
    ++by_node_[agreed.node];
    return {};
}

void SessionTable::erase(const RoutedId& id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    const auto same = by_node_.find(found->second->agreed.node);
    if (--same->second == 0) by_node_.erase(same);
    worker_.bury(std::move(found->second));
    entries_.erase(found);
}

void SessionTable::life_is_over(Entry& entry) {
    if (entry.session == nullptr) return erase(entry.agreed.id);
    entry.session->close(Code::session_lost, "the session's life is over");
}

Result<SessionTable::Attached> SessionTable::attach(const RoutedId& id, std::uint32_t sequence,
                                                    const AttachMessage& message_1) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return fail(error(Code::no_session));
    auto& entry = *found->second;
    auto& tools = worker_.local<CryptoTools>();
    ServerAttach attach(tools.algorithms, entry.agreed.suite, entry.agreed.psk,
                        {.session = id, .sequence = sequence});
    if (auto read = attach.read(std::span<const std::uint8_t>(message_1)); !read) return fail(read);
    // One attach in a session's life: without resumption a second one has nothing to go on with.
    if (sequence <= entry.last_sequence || entry.session != nullptr) return fail(error(Code::attach_stale));
    auto answer = attach.answer(worker_.random());
    if (!answer) return fail(answer);
    entry.last_sequence = sequence;
    return Attached{answer->message_2, answer->keys};
}

void SessionTable::begin(const RoutedId& id, std::uint32_t sequence, const Attached& attached,
                         Detached<TcpSocket> detached) {
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second->session != nullptr ||
        found->second->last_sequence != sequence)
        return;  // overtaken: the socket closes here
    auto& entry = *found->second;
    entry.cancel();
    auto& socket = worker_.adopt(std::move(detached));
    auto carrier = std::make_unique<net::SocketCarrier>(socket);
    auto& line = carrier->line();
    socket.handler(std::move(carrier));
    socket.idle_timeout(std::chrono::nanoseconds(0));  // PING keeps the time from here on
    socket.read_credit(pipeline::no_window);
    const auto head =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: "
        "penstock/1\r\npenstock-attach: " +
        attach_field_text({sequence, attached.message_2}) + "\r\n\r\n";
    std::ignore = socket.write(Bytes(head));
    auto terms = entry.agreed.terms;
    terms.peer = net::Peer(socket.peer());
    terms.peer.node_id(entry.agreed.node);
    entry.session = std::make_unique<Session>(worker_, std::move(terms), channels_, [this, id](Error ended) {
        worker_.log().info("session ended", {"session", id_text(id)},
                           {"why", ended ? ended : error(Code::no_error, "closed in order")});
        erase(id);
    });
    worker_.log().info("session attached", {"session", id_text(id)}, {"node", entry.agreed.node},
                       {"peer", socket.peer()});
    line.add(std::make_unique<TcpCarrier>(*entry.session, worker_.local<CryptoTools>().algorithms,
                                          entry.agreed.suite, attached.keys));
}

bool SessionTable::is_of(const RoutedId& id, const NodeId& node) const {
    const auto found = entries_.find(id);
    return found != entries_.end() && found->second->agreed.node == node;
}

void SessionTable::close(const RoutedId& id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    if (found->second->session != nullptr) return found->second->session->close();
    erase(id);
}

std::vector<SessionTable::Status> SessionTable::status(std::size_t at_most) const {
    std::vector<Status> out;
    for (const auto& [id, entry] : entries_) {
        if (out.size() == at_most) break;
        const auto* session = entry->session.get();
        out.push_back({id_text(id), entry->agreed.node.text(),
                       session != nullptr ? session->peer().address().text() : std::string(),
                       session != nullptr ? session->channels() : 0, session != nullptr});
    }
    return out;
}

}  // namespace penstock::stream
