// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/http/fields.hpp>
#include <penstock/http/method.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::http {

/// Offsets into the bytes of a head.
struct HeadPart {
    std::uint32_t at = 0;
    std::uint32_t bytes = 0;
};

/// The four shapes of a request target (RFC 9112, 3.2).
enum class TargetForm : std::uint8_t {
    origin,     ///< /path?query
    absolute,   ///< http://host/path?query
    authority,  ///< host:port, in CONNECT only
    asterisk,   ///< *, in OPTIONS only
};

/// A request head as RequestParser understood it: views into the caller's bytes, and the facts that frame the
/// message. Only valid once the parser said "complete". Reused, it does not allocate.
///
/// It stores offsets: after the bytes moved, `rebase` makes the views right again; a copy of the bytes with a
/// copy of this is a copy of the head.
class RequestHead {
public:
    Method method() const { return method_; }
    std::string_view method_text() const { return view(method_text_); }
    std::string_view target() const { return view(target_); }
    TargetForm form() const { return form_; }
    /// As it was sent, without the query; "/" where an absolute target has none; "*" in the asterisk form;
    /// empty in CONNECT.
    std::string_view path() const { return path_.bytes != 0 ? view(path_) : empty_path(); }
    /// What is behind the first '?', as it was sent.
    std::string_view query() const { return view(query_); }
    /// With its port, if it has one; empty only in HTTP/1.0.
    std::string_view host() const { return view(host_); }
    /// 0 or 1; higher ones are answered as 1.
    unsigned version_minor() const { return version_minor_; }

    const Fields& fields() const { return fields_; }
    std::string_view field(std::string_view name) const { return fields_.value(name); }

    /// Without it and without `chunked` there is no body.
    std::optional<std::uint64_t> content_length() const { return content_length_; }
    bool is_chunked() const { return chunked_; }
    bool has_body() const { return chunked_ || content_length_.value_or(0) != 0; }
    /// What the client wants: a server may still close.
    bool keep_alive() const { return keep_alive_; }
    /// The client waits for "100 Continue" before it sends the body that it announced.
    bool expects_continue() const { return expects_continue_; }
    /// There is an Upgrade field with a value, and Connection names it; never in HTTP/1.0.
    bool wants_upgrade() const { return wants_upgrade_; }

    void rebase(const char* base) { fields_.rebase(base_ = base); }
    void clear();

    static constexpr bool sendable = false;

private:
    friend class RequestParser;
    std::string_view view(HeadPart part) const { return {base_ + part.at, part.bytes}; }
    std::string_view empty_path() const;

    const char* base_ = nullptr;
    Fields fields_;
    std::optional<std::uint64_t> content_length_;
    HeadPart method_text_, target_, path_, query_, host_;
    Method method_ = Method::other;
    TargetForm form_ = TargetForm::origin;
    std::uint8_t version_minor_ = 1;
    bool chunked_ = false;
    bool keep_alive_ = false;
    bool expects_continue_ = false;
    bool wants_upgrade_ = false;
};

}  // namespace penstock::http
