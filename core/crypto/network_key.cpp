// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/detail/key_file.hpp>
#include <penstock/core/crypto/network_key.hpp>

namespace penstock::crypto {

NetworkKey NetworkKey::make(core::Random& random) {
    NetworkKey out;
    do random.fill(out.secret_->writable());
    while (out.secret_->is_zero());
    return out;
}

Result<NetworkKey> NetworkKey::parse(Bytes text) {
    if (text.text().ends_with('\n')) text = text.first(text.size() - 1);
    NetworkKey out;
    if (!detail::from_hex(text, *out.secret_))
        return fail(Error(core::Domain::settings, 1,
                          "not a network key: it has 64 hexadecimal digits, not all of them zero"));
    return out;
}

Result<NetworkKey> NetworkKey::load(const std::string& path) {
    detail::KeyFileText room;
    const auto text = detail::read_key_file(path, room);
    if (!text) return fail(text);
    return parse(*text);
}

Result<void> NetworkKey::save(const std::string& path) const {
    auto text = detail::to_hex(*secret_);
    text.data()[64] = '\n';
    return detail::write_key_file(path, text);
}

}  // namespace penstock::crypto
