// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/detail/framing.hpp>

namespace penstock::http::detail {
namespace {

constexpr Error refused(const char* text, int status = 400) { return {core::Domain::http, status, text}; }

/// Tabs are white space like any other there (RFC 9110, 5.6.3), but not to all: http-parser, for one, doesn't
/// take "chunked" with a tab behind it for chunked.
bool has_tab_around(std::string_view value) {
    const char* before = value.data() - 1;
    while (*before == ' ') --before;
    const char* behind = value.data() + value.size();
    while (*behind == ' ') ++behind;
    return *before == '\t' || *behind == '\t';
}

}  // namespace

Error Framing::read(FieldId id, std::string_view value, bool is_http_1_0) {
    const bool frames = id == FieldId::content_length || id == FieldId::transfer_encoding;
    if (frames && has_tab_around(value)) return refused("tab in a field that frames");
    switch (id) {
        case FieldId::content_length: return read_length(value);
        case FieldId::transfer_encoding: return read_coding(value, is_http_1_0);
        case FieldId::connection: read_connection(value); return {};
        case FieldId::upgrade: upgrade |= !value.empty(); return {};
        default: return {};
    }
}

Error Framing::read_length(std::string_view value) {
    constexpr std::size_t digits_max = 19;  // 10^19 - 1 < 2^64
    if (content_length) return refused("Content-Length twice");
    if (chunked) return refused("Content-Length beside Transfer-Encoding");
    if (value.empty() || !all(value, digit_char)) return refused("Content-Length is no number");
    if (value.size() > digits_max) return refused("Content-Length too large");
    std::uint64_t length = 0;
    for (const char c : value) length = length * 10 + static_cast<std::uint64_t>(c - '0');
    content_length = length;
    return {};
}

Error Framing::read_coding(std::string_view value, bool is_http_1_0) {
    if (is_http_1_0) return refused("Transfer-Encoding in HTTP/1.0");
    if (chunked) return refused("Transfer-Encoding twice");
    if (content_length) return refused("Content-Length beside Transfer-Encoding");
    chunked = equal_ignoring_case(value, "chunked");
    if (chunked) return {};
    // It is refused; what is left to say is whether it is wrong, or right and unknown here.
    for (bool more = true; more;) {
        more = value.find(',') != value.npos;
        const auto element = cut_element(value);
        const auto parameters = element.find(';');
        const auto coding = trim(element.substr(0, parameters));
        if (coding.empty() || !all(coding, token_char)) return refused("malformed Transfer-Encoding");
        if (!equal_ignoring_case(coding, "chunked")) continue;
        if (more) return refused("chunked is not the last transfer coding");
        if (parameters != element.npos) return refused("chunked has parameters");
    }
    return refused("unknown transfer coding", 501);
}

void Framing::read_connection(std::string_view value) {
    if (value == "keep-alive") {  // as most clients say it
        keep_alive = true;
        return;
    }
    while (!value.empty()) {
        const auto option = cut_element(value);
        if (equal_ignoring_case(option, "keep-alive"))
            keep_alive = true;
        else if (equal_ignoring_case(option, "close"))
            close = true;
        else if (equal_ignoring_case(option, "upgrade"))
            upgrade_connection = true;
    }
}

}  // namespace penstock::http::detail
