// SPDX-License-Identifier: Apache-2.0
// Encrypted responses: prefix, records and inner head.
#include <penstock/stream/encrypted_response.hpp>

#include <cstdlib>
#include <vector>

using namespace penstock;
using namespace penstock::stream;

namespace {

void check_head(Bytes input, bool is_streaming) {
    const auto head = parse_inner_response(input, is_streaming);
    if (!head) return;
    std::vector<InnerField> fields(head->fields.begin(), head->fields.end());
    std::string again;
    const auto written = append_inner_response(again, head->status, fields, head->body_bytes);
    if (!written && head->head_bytes <= message_plain_bytes_max) std::abort();
    if (written && Bytes(again) != input.first(head->head_bytes)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static crypto::Algorithms algorithms;
    static Ciphers ciphers(algorithms);
    const Bytes input(std::span<const std::uint8_t>(data, size));
    check_head(input, false);
    check_head(input, true);
    const auto prefix = parse_response_prefix(input);
    if (prefix) {
        std::string again(response_prefix_bytes, '\0');
        write_response_prefix(*prefix, std::as_writable_bytes(std::span(again)));
        if (input.first(response_prefix_bytes) != Bytes(again)) std::abort();
        // Bytes that were never sealed don't open, whatever they claim to answer.
        std::string forged(input.text());
        if (open_response(algorithms, ciphers, {}, prefix->n, {}, std::as_writable_bytes(std::span(forged))))
            std::abort();
    }
    RequestKey key;
    std::string message;
    const Salt salt{};
    append_response(ciphers, response_message_key(algorithms, key, 7, salt, salt), {7, salt, false}, input,
                    message);
    const auto opened =
        open_response(algorithms, ciphers, key, 7, salt, std::as_writable_bytes(std::span(message)));
    if (!opened || Bytes(*opened) != input) std::abort();
    return 0;
}
