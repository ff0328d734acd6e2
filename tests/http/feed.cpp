// SPDX-License-Identifier: Apache-2.0
#include <http/feed.hpp>

namespace penstock::http_test {
namespace {

std::string text(std::string_view name, std::string_view value) {
    return std::string(name) + "=" + std::string(value) + "\n";
}
std::string text(std::string_view name, std::uint64_t value) { return text(name, std::to_string(value)); }
std::string text(std::string_view name, std::optional<std::uint64_t> value) {
    return text(name, value ? std::to_string(*value) : "none");
}

}  // namespace

std::string describe(const http::Fields& fields) {
    std::string out;
    for (const auto [name, value] : fields) out += text(name, value);
    return out;
}

std::string describe(const http::RequestHead& head) {
    return text("method", std::string(http::name(head.method())) + "/" + std::string(head.method_text())) +
           text("target", head.target()) + text("form", static_cast<std::uint64_t>(head.form())) +
           text("path", head.path()) + text("query", head.query()) + text("host", head.host()) +
           text("version", std::uint64_t{head.version_minor()}) + text("length", head.content_length()) +
           text("chunked", std::uint64_t(head.is_chunked())) +
           text("keep-alive", std::uint64_t(head.keep_alive())) +
           text("continue", std::uint64_t(head.expects_continue())) +
           text("upgrade", std::uint64_t(head.wants_upgrade())) + describe(head.fields());
}

std::string describe(const http::ReplyHead& head) {
    return text("status", static_cast<std::uint64_t>(head.status())) + text("reason", head.reason()) +
           text("version", std::uint64_t{head.version_minor()}) +
           text("body", static_cast<std::uint64_t>(head.body())) + text("length", head.content_length()) +
           text("keep-alive", std::uint64_t(head.keep_alive())) + describe(head.fields());
}

}  // namespace penstock::http_test
