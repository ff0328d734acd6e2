// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/detail/put.hpp>
#include <penstock/stream/message_records.hpp>

#include <cstring>

namespace penstock::stream {
namespace {

using crypto::Code;
using crypto::tag_bytes;

constexpr std::size_t length_bytes = 2;

std::unexpected<Error> protocol(const char* text) { return fail(crypto::error(Code::protocol, text)); }

}  // namespace

std::size_t MessageSealer::seal(Ciphers& ciphers, std::size_t prefix_bytes, std::span<const Bytes> pieces,
                                bool is_final, std::span<std::byte> out) {
    std::size_t plain_bytes = 0;
    for (const auto piece : pieces) plain_bytes += piece.size();
    PENSTOCK_ASSERT(!is_done_ && plain_bytes <= message_plain_bytes_max && prefix_bytes <= out.size());
    PENSTOCK_ASSERT(out.size() - prefix_bytes >= length_bytes + plain_bytes + tag_bytes);
    detail::put(out.data() + prefix_bytes, plain_bytes + tag_bytes, length_bytes);
    const auto head = prefix_bytes + length_bytes;
    auto& aead = ciphers.of(key_.suite);
    aead.rekey(key_.key);
    is_done_ = is_final;
    return head +
           aead.seal(key_.nonce(index_++, is_final), Bytes(out.first(head)), pieces, out.subspan(head));
}

Result<std::size_t> MessageOpener::record_bytes(Bytes bytes) {
    if (bytes.size() < length_bytes) return length_bytes;
    const std::size_t sealed = detail::u16_at(bytes, 0);
    if (sealed < sealed_bytes_min || sealed > sealed_bytes_max)
        return protocol("a record's length is out of bounds");
    return length_bytes + sealed;
}

Result<MessageOpener::Opened> MessageOpener::open(Ciphers& ciphers, std::size_t prefix_bytes, Bytes record,
                                                  Behind behind, std::span<std::byte> out) {
    if (is_done_) return protocol("a record behind the final one");
    PENSTOCK_ASSERT(record.size() >= prefix_bytes);
    const auto size = record_bytes(record.from(prefix_bytes));
    if (!size) return fail(size);
    PENSTOCK_ASSERT(*size == record.size() - prefix_bytes && *size > length_bytes);
    const auto head = prefix_bytes + length_bytes;
    const auto sealed = record.from(head);
    const auto plain_bytes = sealed.size() - tag_bytes;
    auto& aead = ciphers.of(key_.suite);
    aead.rekey(key_.key);
    const auto try_as = [&](bool is_final) {
        return aead.open(key_.nonce(index_, is_final), record.first(head), sealed, out);
    };
    const bool is_more = behind != Behind::nothing && try_as(false);
    is_done_ = !is_more && behind != Behind::more && try_as(true);
    if (!is_more && !is_done_) return fail(crypto::error(Code::decrypt));
    ++index_;
    return Opened{out.first(plain_bytes), is_done_};
}

void append_sealed(Ciphers& ciphers, const MessageKey& key, Bytes inner, std::string& out,
                   std::size_t prefix_at) {
    MessageSealer sealer(key);
    auto prefix_bytes = out.size() - prefix_at;
    while (!sealer.is_done()) {
        const auto piece = inner.first(std::min(inner.size(), message_plain_bytes_max));
        inner = inner.from(piece.size());
        const auto record_at = out.size() - prefix_bytes;
        out.resize(out.size() + length_bytes + piece.size() + tag_bytes);
        sealer.seal(ciphers, prefix_bytes, piece, inner.empty(),
                    std::as_writable_bytes(std::span(out)).subspan(record_at));
        prefix_bytes = 0;
    }
}

Result<std::span<std::byte>> open_all(Ciphers& ciphers, const MessageKey& key, std::size_t prefix_bytes,
                                      std::span<std::byte> message) {
    MessageOpener opener(key);
    const auto first = prefix_bytes + length_bytes;
    std::size_t at = 0, plain_bytes = 0;
    while (!opener.is_done()) {
        const auto behind_prefix = Bytes(message.subspan(at)).from(prefix_bytes);
        const auto size = MessageOpener::record_bytes(behind_prefix);
        if (!size) return fail(size);
        if (*size > behind_prefix.size() || *size == length_bytes)
            return protocol("a message that ends inside a record");
        const auto record = message.subspan(at, prefix_bytes + *size);
        at += record.size();
        const auto ending = at == message.size() ? Behind::nothing : Behind::more;
        const auto opened = opener.open(ciphers, prefix_bytes, Bytes(record), ending,
                                        record.subspan(prefix_bytes + length_bytes));
        if (!opened) return fail(opened);
        const auto plain = opened->plain;
        if (!plain.empty()) std::memmove(message.data() + first + plain_bytes, plain.data(), plain.size());
        plain_bytes += plain.size();
        prefix_bytes = 0;
    }
    return message.subspan(first, plain_bytes);
}

}  // namespace penstock::stream
