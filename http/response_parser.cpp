// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/detail/framing.hpp>
#include <penstock/http/detail/text_scan.hpp>
#include <penstock/http/response_parser.hpp>
#include <penstock/http/status.hpp>

#include <algorithm>

namespace penstock::http {
namespace {

constexpr std::string_view prefix = "HTTP/1.1 200";
constexpr std::size_t major = 5, minor = 7, code = 9;

constexpr Error refused(const char* text, int status = 400) { return {core::Domain::http, status, text}; }

/// Of the first bytes of a status line, as many as there are.
Error check_prefix(std::string_view seen) {
    for (std::size_t at = 0; at < std::min(seen.size(), prefix.size()); ++at) {
        const bool digit = detail::is(seen[at], detail::digit_char);
        if (at == major && digit && seen[at] != '1') return refused("HTTP version", 505);
        if (at == code && digit && (seen[at] < '1' || seen[at] > '5')) return refused("status out of range");
        if (at == minor || at >= code ? !digit : seen[at] != prefix[at])
            return refused("malformed status line");
    }
    return {};
}

}  // namespace

void ReplyHead::clear() {
    fields_.clear();
    content_length_.reset();
    reason_ = {};
    status_ = 0;
    version_minor_ = 1;
    body_ = ReplyBody::none;
    keep_alive_ = false;
}

Result<std::size_t> ResponseParser::parse(std::string_view seen, Method request, ReplyHead& head) {
    if (state_ == State::start) head.clear();
    const char* const base = seen.data();
    head.rebase(base);
    if (state_ != State::fields) {
        const auto line_end = status_line(seen, head);
        if (!line_end || *line_end == 0) return line_end;
        fields_.start(*line_end);
    }
    const auto end = fields_.scan(seen, {limits_->fields_bytes_max, limits_->fields_max}, head.fields_);
    if (!end || *end == 0) return end;
    if (const auto error = read_fields(request, head)) return fail(error);
    state_ = State::start;
    scanned_ = 0;
    return end;
}

Result<std::size_t> ResponseParser::status_line(std::string_view seen, ReplyHead& head) {
    const std::size_t edge = std::size_t(limits_->request_line_bytes_max) + 2;
    const char* const base = seen.data();
    const char* const end = base + std::min(seen.size(), edge);
    if (state_ <= State::version && !seen.empty()) {
        state_ = State::version;
        if (const auto error = check_prefix(seen.substr(0, edge))) return fail(error);
        if (seen.size() > prefix.size() && edge > prefix.size()) {
            head.version_minor_ = seen[minor] == '0' ? 0 : 1;
            head.status_ = static_cast<std::uint16_t>((seen[code] - '0') * 100 + (seen[code + 1] - '0') * 10 +
                                                      (seen[code + 2] - '0'));
            scanned_ = prefix.size();
            if (seen[scanned_] != ' ' && seen[scanned_] != '\r')
                return fail(refused("malformed status line"));
            if (seen[scanned_] == ' ') ++scanned_;
            head.reason_.at = scanned_;
            state_ = State::reason;
        }
    }
    if (state_ == State::reason) {
        const char* const at = detail::skip_text(base + scanned_, end);
        scanned_ = static_cast<std::uint32_t>(at - base);
        if (at != end && *at != '\r') return fail(refused("control character in the status line"));
        if (end - at >= 2) {
            if (at[1] != '\n') return fail(refused("CR without LF"));
            head.reason_.bytes = scanned_ - head.reason_.at;
            state_ = State::fields;
            return std::size_t(scanned_) + 2;
        }
    }
    if (seen.size() >= edge) return fail(refused("status line too long", 431));
    return std::size_t(0);
}

Error ResponseParser::read_fields(Method request, ReplyHead& head) {
    const bool is_http_1_0 = head.version_minor_ == 0;
    const bool is_tunnel = request == Method::connect && head.status_ / 100 == 2;
    detail::Framing framing;
    for (std::size_t at = 0; at < head.fields_.size(); ++at) {
        const auto id = head.fields_.id(at);
        if (id == FieldId::unknown) continue;
        if (const auto error = framing.read(id, head.fields_[at].value, is_http_1_0)) return error;
    }
    if (head.is_interim() || head.status_ == 204) {
        if (framing.chunked || framing.content_length.value_or(0) != 0)
            return refused("a body beside a status that has none");
    }
    head.content_length_ = framing.content_length;
    if (request == Method::head || is_bodiless(head.status_) || is_tunnel)
        head.body_ = ReplyBody::none;
    else if (framing.chunked)
        head.body_ = ReplyBody::chunked;
    else
        head.body_ = framing.content_length ? ReplyBody::length : ReplyBody::until_close;
    head.keep_alive_ = framing.is_persistent(is_http_1_0) && head.body_ != ReplyBody::until_close &&
                       !is_tunnel && head.status_ != 101;
    return {};
}

}  // namespace penstock::http
