// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/base64url.hpp>
#include <penstock/stream/routed_id.hpp>

namespace penstock::stream {

RoutedId make_routed_id(core::Random& random, unsigned owner, unsigned workers) {
    PENSTOCK_ASSERT(owner < workers && workers <= 65536);
    for (;;) {
        const auto id = random.bytes<id_bytes>();
        if (owner_of(id, workers) == owner) return id;
    }
}

unsigned owner_of(const RoutedId& id, unsigned workers) { return (id[0] * 256u + id[1]) % workers; }

std::string id_text(const RoutedId& id) {
    std::string out;
    append_base64url(out, Bytes(id));
    return out;
}

Result<RoutedId> parse_id(std::string_view text) {
    RoutedId out;
    if (!decode_base64url(text, std::as_writable_bytes(std::span(out))))
        return fail(crypto::error(crypto::Code::no_session));
    return out;
}

}  // namespace penstock::stream
