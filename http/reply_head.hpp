// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/http/fields.hpp>
#include <penstock/http/head.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::http {

/// How a response's body ends (RFC 9112, 6.3).
enum class ReplyBody : std::uint8_t {
    none,    ///< whatever its fields say: to HEAD, 1xx, 204, 304, 2xx to CONNECT
    length,  ///< after content_length bytes
    chunked,
    until_close,  ///< when the peer closes
};

/// A response head that was received, as ResponseParser understood it. Views and `rebase` as in RequestHead.
class ReplyHead {
public:
    int status() const { return status_; }
    bool is_interim() const { return status_ < 200; }
    std::string_view reason() const { return {base_ + reason_.at, reason_.bytes}; }
    unsigned version_minor() const { return version_minor_; }

    const Fields& fields() const { return fields_; }
    std::string_view field(std::string_view name) const { return fields_.value(name); }

    ReplyBody body() const { return body_; }
    /// What the field says, also where there is no body.
    std::optional<std::uint64_t> content_length() const { return content_length_; }
    /// Whether the connection may carry another request after this body.
    bool keep_alive() const { return keep_alive_; }

    void rebase(const char* base) { fields_.rebase(base_ = base); }
    void clear();

    static constexpr bool sendable = false;

private:
    friend class ResponseParser;

    const char* base_ = nullptr;
    Fields fields_;
    std::optional<std::uint64_t> content_length_;
    HeadPart reason_;
    std::uint16_t status_ = 0;
    std::uint8_t version_minor_ = 1;
    ReplyBody body_ = ReplyBody::none;
    bool keep_alive_ = false;
};

}  // namespace penstock::http
