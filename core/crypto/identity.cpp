// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/crypto/detail/key_file.hpp>
#include <penstock/core/crypto/identity.hpp>

#include <algorithm>
#include <cerrno>

namespace penstock::crypto {
namespace {

constexpr std::string_view header = "penstock key 1";
constexpr std::string_view comment =
    "# The private keys of a node or a client. Whoever has them can pass for it: keep them (mode 0600),\n"
    "# and do not run two nodes with it.\n";
constexpr std::string_view node_name = "node ";
constexpr std::string_view static_name = "static ";
constexpr std::size_t digits = 64;

constexpr core::Error malformed(
    core::Domain::settings, 1,
    "not a key file: it has \"penstock key 1\", then node and static, each with 64 "
    "hexadecimal digits");

/// Without its end of line; the last one may lack it.
std::string_view take_line(std::string_view& text) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

}  // namespace

Identity::Identity(const Secret<32>& node_seed, const Secret<32>& static_secret) {
    keys_->node = SigningKey(node_seed);
    keys_->fixed = X25519Pair(static_secret);
    id_ = node_id(keys_->node.verify_key());
}

Identity Identity::make(core::Random& random) {
    Secret<32> node_seed, static_secret;
    random.fill(node_seed.writable());
    random.fill(static_secret.writable());
    return Identity(node_seed, static_secret);
}

Result<Identity> Identity::parse(Bytes bytes) {
    auto text = bytes.text();
    if (take_line(text) != header) return fail(malformed);
    Secret<32> node_seed, static_secret;
    bool has_node = false, has_static = false;
    while (!text.empty()) {
        const auto line = take_line(text);
        if (line.empty() || line.starts_with('#')) continue;
        const bool is_node = line.starts_with(node_name);
        if (!is_node && !line.starts_with(static_name)) return fail(malformed);
        const auto value = line.substr(is_node ? node_name.size() : static_name.size());
        auto& seen = is_node ? has_node : has_static;
        if (seen || !detail::from_hex(value, is_node ? node_seed : static_secret)) return fail(malformed);
        seen = true;
    }
    if (!has_node || !has_static) return fail(malformed);
    return Identity(node_seed, static_secret);
}

Result<Identity> Identity::load(const std::string& path) {
    detail::KeyFileText room;
    const auto text = detail::read_key_file(path, room);
    if (!text) return fail(text);
    return parse(*text);
}

Result<Identity> Identity::load_or_make(const std::string& path) {
    core::KernelRandom random;
    return load_or_make(path, random);
}

Result<Identity> Identity::load_or_make(const std::string& path, core::Random& random) {
    auto found = load(path);
    if (found || found.error() != Error::os(ENOENT)) return found;
    auto made = make(random);
    if (const auto saved = made.save(path); !saved) return fail(saved);
    return made;
}

Result<void> Identity::save(const std::string& path) const {
    detail::KeyFileText room;
    auto at = room.writable().begin();
    const auto add = [&at](Bytes part) { at = std::ranges::copy(part, at).out; };
    add(header);
    add("\n");
    add(comment);
    add(node_name);
    add(Bytes(detail::to_hex(keys_->node.seed())).first(digits));
    add("\n");
    add(static_name);
    add(Bytes(detail::to_hex(keys_->fixed.secret())).first(digits));
    add("\n");
    return detail::write_key_file(path,
                                  Bytes(room).first(static_cast<std::size_t>(at - room.writable().begin())));
}

Result<Certificate> Identity::certificate(std::string_view name, core::WallTime not_before,
                                          core::WallTime not_after, Usage usage) const {
    Certificate::Fields fields{std::string(name), not_before, not_after, usage, {}, id_};
    if (usage != Usage::issuer) fields.static_key = keys_->fixed.public_key();
    const auto request = Certificate::request(fields, keys_->node);
    if (!request) return fail(request);
    return Certificate::issue(*request, keys_->node);
}

}  // namespace penstock::crypto
