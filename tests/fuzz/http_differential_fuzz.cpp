// SPDX-License-Identifier: Apache-2.0
// A request, read by our parser and by http-parser 2.9.4 as Debian ships it. Ours is the stricter one: what
// it takes the other takes, too, and both understand the same; what it refuses alone, it refuses for one of
// the reasons below.
#include <penstock/http/chunked.hpp>
#include <penstock/http/request_parser.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <http_parser.h>

#include "http_check.hpp"

using namespace penstock;

namespace {

struct Theirs {
    std::string url, body;
    std::vector<std::pair<std::string, std::string>> fields;
    bool in_value = true, head_complete = false, complete = false;
    bool keep_alive = false, close = false;
    bool chunked = false, upgrade = false;
    std::uint64_t content_length = UINT64_MAX;
    unsigned method = 0, minor = 0;
    std::size_t taken = 0;
    http_errno error = HPE_OK;
};

Theirs& of(http_parser* parser) { return *static_cast<Theirs*>(parser->data); }

int on_field(http_parser* parser, const char* at, std::size_t size) {
    auto& out = of(parser);
    if (out.head_complete) return 0;  // trailers
    if (out.in_value) out.fields.emplace_back();
    out.in_value = false;
    out.fields.back().first.append(at, size);
    return 0;
}

int on_value(http_parser* parser, const char* at, std::size_t size) {
    auto& out = of(parser);
    if (out.head_complete) return 0;
    out.in_value = true;
    out.fields.back().second.append(at, size);
    return 0;
}

int on_head(http_parser* parser) {
    auto& out = of(parser);
    out.head_complete = true;
    out.keep_alive = http_should_keep_alive(parser) != 0;
    out.close = (parser->flags & F_CONNECTION_CLOSE) != 0;
    out.chunked = (parser->flags & F_CHUNKED) != 0;
    out.upgrade = parser->upgrade != 0;
    out.content_length = parser->content_length;
    out.method = parser->method;
    out.minor = parser->http_minor;
    return 0;
}

Theirs read_theirs(std::string_view input) {
    Theirs out;
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_url = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).url.append(at, size);
        return 0;
    };
    settings.on_header_field = on_field;
    settings.on_header_value = on_value;
    settings.on_headers_complete = on_head;
    settings.on_body = [](http_parser* parser, const char* at, std::size_t size) {
        of(parser).body.append(at, size);
        return 0;
    };
    settings.on_message_complete = [](http_parser* parser) {
        of(parser).complete = true;
        http_parser_pause(parser, 1);
        return 0;
    };
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    http_parser_set_max_header_size(1u << 30);
    parser.data = &out;
    out.taken = http_parser_execute(&parser, &settings, input.data(), input.size());
    out.error = HTTP_PARSER_ERRNO(&parser);
    return out;
}

/// Refusals that are ours alone. All others must be theirs, too.
bool is_stricter(std::string_view reason) {
    static constexpr std::string_view reasons[] = {
        // They end lines with LF alone, skip CR and LF before a request, unfold lines, take any version 1.x.
        "LF without CR", "CR without LF", "white space in a field name",
        "request line does not end with its version", "folded field line", "method is no token",
        "malformed HTTP version", "HTTP version",
        // They look at values for framing only.
        "Host twice", "malformed Host", "no Host", "Host differs from the request target",
        "unknown expectation", "control character in a field",
        // Targets: they take more characters, and no notice of the form.
        "request target has a character that must be escaped", "request target is no path and no http URI",
        "asterisk form outside OPTIONS", "malformed host in the request target",
        "CONNECT to what is no host and port", "CONNECT with a body", "empty request target",
        // Framing: they let a coding pass twice, and leave those other than chunked to the caller.
        "Content-Length too large", "Transfer-Encoding in HTTP/1.0", "Transfer-Encoding twice",
        "malformed Transfer-Encoding", "chunked is not the last transfer coding", "chunked has parameters",
        "unknown transfer coding", "tab in a field that frames",
        // Limits.
        "request line too long", "fields too large", "field name too long", "too many fields"};
    return std::find(std::begin(reasons), std::end(reasons), reason) != std::end(reasons);
}

bool same_fields(const http::Fields& ours, const Theirs& theirs) {
    if (ours.size() != theirs.fields.size()) return false;
    for (std::size_t at = 0; at < ours.size(); ++at) {
        auto value = theirs.fields[at].second;  // they leave white space behind it
        value.resize(value.find_last_not_of(" \t") + 1);
        if (ours[at].name != theirs.fields[at].first || ours[at].value != value) return false;
    }
    return true;
}

/// Proxy-Connection is Connection to them, and they lose their way in a list with anything but known options,
/// commas and single spaces behind commas: after the beginning of a known option they miss the next comma.
bool same_connection_options(const http::Fields& fields) {
    if (fields.has("proxy-connection")) return false;
    for (std::size_t at = 0; at < fields.size(); ++at) {
        if (fields.id(at) != http::FieldId::connection) continue;
        auto list = fields[at].value;
        const char* behind = list.data() + list.size();
        while (*behind == ' ') ++behind;
        if (*behind == '\t') return false;
        for (bool more = true; more;) {
            const auto option = list.substr(0, list.find(','));
            if (option != "close" && option != "keep-alive" && option != "upgrade") return false;
            more = option.size() != list.size();
            list.remove_prefix(more ? option.size() + 1 : 0);
            if (list.starts_with(' ')) list.remove_prefix(1);
        }
    }
    return true;
}

/// A name that only begins like this one means a coding to them, without end.
bool begins_as_coding(const http::Fields& fields) {
    for (const auto [name, value] : fields) {
        std::string lower(name.substr(0, 17));
        for (char& c : lower) c |= 0x20;
        if (name.size() > 17 && lower == "transfer-encoding") return true;
    }
    return false;
}

void compare_body(const http::RequestHead& ours, std::string_view rest, std::size_t end,
                  const Theirs& theirs) {
    if (!ours.is_chunked()) {
        const auto length = ours.content_length().value_or(0);
        if (rest.size() < length) return;
        FUZZ_CHECK(theirs.complete && theirs.body == rest.substr(0, length));
        return;
    }
    const http::Limits limits;
    http::ChunkedReader reader(limits);
    std::string body;
    while (!rest.empty() && !reader.is_complete()) {
        const auto piece = reader.next(rest);
        if (!piece) return;  // stricter, as in heads: LF, white space, trailers
        body += piece->data;
        end += piece->taken;
        rest.remove_prefix(piece->taken);
    }
    FUZZ_CHECK(theirs.complete == reader.is_complete());
    FUZZ_CHECK(theirs.body == body);
    // They count the last byte only when they go on.
    if (theirs.complete) FUZZ_CHECK(theirs.taken == end || theirs.taken + 1 == end);
}

void compare(const http::RequestHead& ours, std::string_view rest, std::size_t end, const Theirs& theirs) {
    if (ours.method() == http::Method::other && !theirs.head_complete) return;  // they have a list of methods
    if (begins_as_coding(ours.fields())) return;
    FUZZ_CHECK(theirs.head_complete);
    FUZZ_CHECK(ours.method_text() == http_method_str(static_cast<http_method>(theirs.method)));
    FUZZ_CHECK(ours.target() == theirs.url);
    FUZZ_CHECK(ours.version_minor() == (theirs.minor == 0 ? 0 : 1));
    FUZZ_CHECK(same_fields(ours.fields(), theirs));
    FUZZ_CHECK(ours.is_chunked() == theirs.chunked);
    FUZZ_CHECK(ours.content_length().value_or(UINT64_MAX) == theirs.content_length);
    if (same_connection_options(ours.fields())) {
        // In HTTP/1.0 they don't ask for "close".
        const bool keep_alive = theirs.keep_alive && !(ours.version_minor() == 0 && theirs.close);
        FUZZ_CHECK(ours.keep_alive() == keep_alive);
        const bool connect = ours.method() == http::Method::connect;
        if (ours.version_minor() == 1) FUZZ_CHECK((ours.wants_upgrade() || connect) == theirs.upgrade);
    }
    if (ours.method() != http::Method::connect) compare_body(ours, rest, end, theirs);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = fuzz::text(data, size);
    const http::Limits limits;
    http::RequestParser parser(limits);
    http::RequestHead head;
    const auto end = parser.parse(input, head);
    const auto theirs = read_theirs(input);
    if (!end)
        FUZZ_CHECK(!theirs.head_complete || is_stricter(end.error().message()));
    else if (*end == 0)
        FUZZ_CHECK(!theirs.head_complete);
    else
        compare(head, input.substr(*end), *end, theirs);
    return 0;
}
