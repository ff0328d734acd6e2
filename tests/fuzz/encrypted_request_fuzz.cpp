// SPDX-License-Identifier: Apache-2.0
// Encrypted requests: prefix, records and inner head. The first byte cuts the rest into records.
#include <penstock/stream/encrypted_request.hpp>

#include <cstdlib>
#include <vector>

using namespace penstock;
using namespace penstock::stream;

namespace {

void check_prefix(Bytes input) {
    const auto size = request_prefix_bytes(input);
    const auto prefix = parse_request_prefix(input);
    if (bool(prefix) != (size && *size <= input.size())) std::abort();
    if (!prefix) return;
    std::string again(prefix->bytes(), '\0');
    write_request_prefix(*prefix, std::as_writable_bytes(std::span(again)));
    if (input.first(*size) != Bytes(again)) std::abort();
}

void check_head(Bytes input, bool is_streaming) {
    const auto head = parse_inner_request(input, is_streaming);
    if (!head) return;
    std::vector<InnerField> fields(head->fields.begin(), head->fields.end());
    std::string again;
    const auto written =
        append_inner_request(again, {head->method, head->path, head->query}, fields, head->body_bytes);
    if (!written && head->head_bytes <= message_plain_bytes_max) std::abort();
    if (written && Bytes(again) != input.first(head->head_bytes)) std::abort();
}

/// What was sealed in pieces opens to the same, and not with its last byte changed.
void check_records(Ciphers& ciphers, Bytes input, std::size_t piece_bytes) {
    const MessageKey key{input.size() % 2 == 0 ? crypto::Suite::aes_gcm : crypto::Suite::chacha_poly, {}, {}};
    const RequestPrefix prefix;
    std::string message(prefix.bytes(), '\0');
    write_request_prefix(prefix, std::as_writable_bytes(std::span(message)));
    MessageSealer sealer(key);
    auto rest = input;
    for (auto prefix_bytes = message.size(); !sealer.is_done(); prefix_bytes = 0) {
        const auto piece = rest.first(std::min(rest.size(), piece_bytes));
        rest = rest.from(piece.size());
        const auto at = message.size() - prefix_bytes;
        message.resize(message.size() + 18 + piece.size());
        sealer.seal(ciphers, prefix_bytes, piece, rest.empty(),
                    std::as_writable_bytes(std::span(message)).subspan(at));
    }
    auto changed = message;
    changed.back() = static_cast<char>(changed.back() ^ 1);
    if (open_request(ciphers, key, std::as_writable_bytes(std::span(changed)))) std::abort();
    const auto opened = open_request(ciphers, key, std::as_writable_bytes(std::span(message)));
    if (!opened || Bytes(*opened) != input) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static crypto::Algorithms algorithms;
    static Ciphers ciphers(algorithms);
    const Bytes input(std::span<const std::uint8_t>(data, size));
    check_prefix(input);
    check_head(input, false);
    check_head(input, true);
    std::string forged(input.text());
    if (open_request(ciphers, {}, std::as_writable_bytes(std::span(forged)))) std::abort();
    if (size > 1) check_records(ciphers, input.from(1), 1 + std::size_t{data[0]});
    return 0;
}
