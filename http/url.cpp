// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/authority.hpp>
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/url.hpp>

#include <algorithm>
#include <charconv>

namespace penstock::http {
namespace {

constexpr std::string_view scheme = "http://";
constexpr std::uint16_t default_port = 80;

constexpr Error refused(const char* text) { return {core::Domain::http, 400, text}; }

Result<std::uint16_t> parse_port(std::string_view digits) {
    if (digits.empty()) return default_port;
    std::uint16_t port = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || port == 0)
        return fail(refused("the port of a URL is 1 to 65535"));
    return port;
}

}  // namespace

Result<Url> Url::parse(std::string_view text) {
    if (text.size() > bytes_max) return fail(refused("the URL is too long"));
    if (!detail::equal_ignoring_case(text.substr(0, scheme.size()), scheme))
        return fail(refused("only absolute http:// URLs are taken"));
    text.remove_prefix(scheme.size());
    text = text.substr(0, text.find('#'));
    const auto authority = text.substr(0, text.find_first_of("/?"));
    text.remove_prefix(authority.size());
    if (authority.find('@') != authority.npos) return fail(refused("a URL with a user name"));
    if (!detail::is_authority(authority, detail::Port::optional))
        return fail(refused("the URL has no valid host"));

    Url out;
    const auto colon = authority.find(':', authority.starts_with('[') ? authority.find(']') : 0);
    out.host = authority.substr(0, colon);
    const auto port = parse_port(colon == authority.npos ? "" : authority.substr(colon + 1));
    if (!port) return fail(port);
    out.port = *port;
    out.path = text.substr(0, text.find('?'));
    out.query = text.substr(out.path.size());
    if (!detail::all(out.path, detail::path_char) || !detail::all(out.query, detail::query_char))
        return fail(refused("the URL has characters that must be written as %XX"));
    return out;
}

std::string Url::target() const {
    std::string out(path.empty() ? "/" : path);
    return out.append(query);
}

std::string Url::authority() const {
    std::string out(host);
    if (port != default_port) out.append(":").append(std::to_string(port));
    return out;
}

}  // namespace penstock::http
