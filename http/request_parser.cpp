// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/detail/authority.hpp>
#include <penstock/http/detail/characters.hpp>
#include <penstock/http/detail/framing.hpp>
#include <penstock/http/request_parser.hpp>

#include <algorithm>
#include <cstring>

namespace penstock::http {

using detail::equal_ignoring_case;

namespace {

constexpr Error refused(const char* text, int status = 400) { return {core::Domain::http, status, text}; }

}  // namespace

/// What may be looked at: behind `end` lies what has not arrived, or what exceeds the limit.
struct RequestParser::Window {
    const char* base;
    const char* at;
    const char* end;

    std::uint32_t offset() const { return static_cast<std::uint32_t>(at - base); }
    std::size_t left() const { return static_cast<std::size_t>(end - at); }
};

Result<std::size_t> RequestParser::parse(std::string_view seen, RequestHead& head) {
    const char* const base = seen.data();
    head.rebase(base);
    if (state_ != State::fields) {
        const auto line_end = request_line(seen, head);
        if (!line_end || *line_end == 0) return line_end;
        fields_.start(*line_end);
    }
    const auto end = fields_.scan(seen, {limits_->fields_bytes_max, limits_->fields_max}, head.fields_);
    if (!end || *end == 0) return end;
    if (const auto error = read_fields(head)) return fail(error);
    state_ = State::start;
    line_ = scanned_ = 0;
    return end;
}

Result<std::size_t> RequestParser::request_line(std::string_view seen, RequestHead& head) {
    const char* const base = seen.data();
    Window window{base, base + scanned_, base + seen.size()};
    Error error;
    if (state_ <= State::empty_line) {
        if (state_ == State::start) head.clear();
        error = read_start(window);
    }
    const std::size_t edge = std::size_t(line_) + limits_->request_line_bytes_max + 2;
    window.end = base + std::min(seen.size(), edge);
    if (!error && state_ == State::method) error = read_method(window, head);
    if (!error && (state_ == State::path || state_ == State::query)) error = read_target(window, head);
    if (!error && state_ == State::version) error = read_version(window, head);
    if (error) return fail(error);
    scanned_ = window.offset();
    if (state_ == State::fields) return std::size_t(scanned_);
    if (seen.size() >= edge) return fail(refused("request line too long", 414));
    return std::size_t(0);
}

/// One empty line may stand before (RFC 9112, 2.2).
inline Error RequestParser::read_start(Window& window) {
    if (state_ == State::start && window.left() != 0 && *window.at == '\r') {
        if (window.left() == 1) return {};
        if (window.at[1] != '\n') return refused("CR without LF");
        window.at += 2;
        line_ = 2;
        state_ = State::empty_line;
    }
    if (window.left() != 0) state_ = State::method;
    return {};
}

inline Error RequestParser::read_method(Window& window, RequestHead& head) {
    const char* const begin = window.base + line_;
    const bool is_get = window.at == begin && window.left() >= 4 && std::memcmp(begin, "GET ", 4) == 0;
    window.at = is_get ? begin + 3 : detail::skip_name(window.at, window.end);
    const std::string_view text(begin, static_cast<std::size_t>(window.at - begin));
    if (text.size() > limits_->method_bytes_max) return refused("method too long", 501);
    if (window.left() == 0) return {};
    if (*window.at != ' ' || text.empty()) return refused("method is no token");
    head.method_ = is_get ? Method::get : method_from(text);
    head.method_text_ = {line_, window.offset() - line_};
    ++window.at;
    head.target_.at = head.path_.at = window.offset();
    state_ = State::path;
    return {};
}

inline Error RequestParser::read_target(Window& window, RequestHead& head) {
    if (state_ == State::path) {
        window.at = detail::skip_path(window.at, window.end);
        if (window.left() == 0) return {};
        head.path_.bytes = window.offset() - head.path_.at;
        if (*window.at == '?') {
            ++window.at;
            head.query_.at = window.offset();
            state_ = State::query;
        }
    }
    if (state_ == State::query) {
        window.at = detail::skip_query(window.at, window.end);
        if (window.left() == 0) return {};
        head.query_.bytes = window.offset() - head.query_.at;
    }
    if (*window.at != ' ') return refused("request target has a character that must be escaped");
    head.target_.bytes = window.offset() - head.target_.at;
    if (head.target_.bytes == 0) return refused("empty request target");
    ++window.at;
    state_ = State::version;
    return {};
}

inline Error RequestParser::read_version(Window& window, RequestHead& head) {
    constexpr std::string_view line = "HTTP/1.1\r\n";
    constexpr std::size_t major = 5, minor = 7;
    if (window.left() < line.size() || std::memcmp(window.at, line.data(), line.size()) != 0) {
        // Ten bytes at most, so it begins anew whenever one arrives: what is wrong is refused at once.
        for (std::size_t i = 0; i < std::min(window.left(), line.size()); ++i) {
            const char c = window.at[i];
            if (c == line[i] || (i == minor && detail::is(c, detail::digit_char))) continue;
            if (i == major && detail::is(c, detail::digit_char)) return refused("HTTP version", 505);
            return refused(i < 8 ? "malformed HTTP version" : "request line does not end with its version");
        }
        if (window.left() < line.size()) return {};
    }
    head.version_minor_ = window.at[minor] == '0' ? 0 : 1;
    window.at += line.size();
    state_ = State::fields;
    return read_form(head);
}

inline Error RequestParser::read_form(RequestHead& head) {
    const auto target = head.target();
    if (head.method_ == Method::connect) {
        head.form_ = TargetForm::authority;
        head.path_.bytes = 0;
        if (detail::is_authority(target, detail::Port::required)) return {};
        return refused("CONNECT to what is no host and port");
    }
    if (target[0] == '/') return {};
    if (target == "*") {
        head.form_ = TargetForm::asterisk;
        return head.method_ == Method::options ? Error() : refused("asterisk form outside OPTIONS");
    }
    head.form_ = TargetForm::absolute;
    const auto scheme_end = target.find("://");
    const auto scheme = target.substr(0, std::min(scheme_end, target.size()));
    if (scheme_end == target.npos ||
        !(equal_ignoring_case(scheme, "http") || equal_ignoring_case(scheme, "https")))
        return refused("request target is no path and no http URI");
    const auto before_query = head.path_.bytes;
    const auto begin = static_cast<std::uint32_t>(scheme_end + 3);
    const auto host_end = std::min<std::size_t>(target.find('/', begin), before_query);
    head.host_ = {head.target_.at + begin, static_cast<std::uint32_t>(host_end) - begin};
    head.path_ = {head.target_.at + static_cast<std::uint32_t>(host_end),
                  before_query - static_cast<std::uint32_t>(host_end)};
    if (detail::is_authority(head.host(), detail::Port::optional)) return {};
    return refused("malformed host in the request target");
}

Error RequestParser::read_fields(RequestHead& head) {
    const bool is_http_1_0 = head.version_minor_ == 0;
    detail::Framing framing;
    bool has_host = false, expects_continue = false;
    for (std::size_t at = 0; at < head.fields_.size(); ++at) {
        const auto id = head.fields_.id(at);
        if (id == FieldId::unknown) continue;
        const auto value = head.fields_[at].value;
        if (id == FieldId::host) {
            if (has_host) return refused("Host twice");
            has_host = true;
            if (!detail::is_authority(value, detail::Port::optional)) return refused("malformed Host");
            if (head.form_ != TargetForm::absolute)
                head.host_ = {static_cast<std::uint32_t>(value.data() - head.base_),
                              static_cast<std::uint32_t>(value.size())};
            else if (!equal_ignoring_case(head.host(), value))
                return refused("Host differs from the request target");
        } else if (id == FieldId::expect) {
            if (is_http_1_0) continue;  // RFC 9110, 10.1.1
            if (!equal_ignoring_case(value, "100-continue")) return refused("unknown expectation", 417);
            expects_continue = true;
        } else if (const auto error = framing.read(id, value, is_http_1_0)) {
            return error;
        }
    }
    if (!has_host && !is_http_1_0) return refused("no Host");
    if (head.method_ == Method::connect && (framing.chunked || framing.content_length))
        return refused("CONNECT with a body");
    head.content_length_ = framing.content_length;
    head.chunked_ = framing.chunked;
    head.keep_alive_ = framing.is_persistent(is_http_1_0);
    head.expects_continue_ = expects_continue && head.has_body();
    head.wants_upgrade_ = framing.upgrade && framing.upgrade_connection && !is_http_1_0;
    return {};
}

}  // namespace penstock::http
