// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <type_traits>

namespace penstock::core {

/// Who speaks: it says how an Error's code is to be read.
enum class Domain : std::uint16_t {
    os,        ///< code is an errno
    tls,       ///< code is the TLS library's
    http,      ///< code is the status that answers the request
    stream,    ///< code is one of the wire protocol's (docs/protocol.md, table of codes)
    dns,       ///< code is an RCODE
    settings,  ///< code is unused
    proc,      ///< code is a proc::Code: full, stopped, thrown
    user,      ///< code is the application's
};

/// What went wrong, in 16 bytes: trivially copyable, made without allocation. The text is a string literal.
/// Context (which file, which peer) is added where a person will read it, by `message()` and a log field.
class Error {
public:
    constexpr Error() = default;
    constexpr Error(Domain domain, int code, const char* text) : text_(text), code_(code), domain_(domain) {}

    /// `doing` says what was tried: "bind". Null is allowed.
    static constexpr Error os(int errno_value, const char* doing = nullptr) {
        return {Domain::os, errno_value, doing};
    }
    static constexpr Error user(int code, const char* text) { return {Domain::user, code, text}; }

    constexpr Domain domain() const { return domain_; }
    constexpr int code() const { return code_; }
    /// False for a default-made Error: nothing went wrong (a socket that was closed in order, say).
    constexpr explicit operator bool() const { return code_ != 0 || text_ != nullptr; }

    /// For people: "bind: Address already in use".
    std::string message() const;

    /// Equal domain and code; the text is commentary.
    friend constexpr bool operator==(const Error& a, const Error& b) {
        return a.domain_ == b.domain_ && a.code_ == b.code_;
    }
    static constexpr bool sendable = true;

private:
    const char* text_ = nullptr;
    std::int32_t code_ = 0;
    Domain domain_ = Domain::os;
};
static_assert(sizeof(Error) == 16 && std::is_trivially_copyable_v<Error>);

/// A value or an Error; dropping one is a warning. Passed on by `return fail(result);`.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
public:
    using std::expected<T, Error>::expected;

    // libstdc++ 12's comparisons of expected recurse here: compare *result or result.error().
    template <class U>
    friend bool operator==(const Result&, const U&) = delete;
    friend bool operator==(const Result&, const Result&) = delete;
};

/// The Result that brings an R from somewhere else: an R that is one already stays as it is.
template <class R>
struct InResult {
    using type = Result<R>;
};
template <class R>
struct InResult<Result<R>> {
    using type = Result<R>;
};

constexpr std::unexpected<Error> fail(Error error) { return std::unexpected(error); }
template <class T>
constexpr std::unexpected<Error> fail(const Result<T>& result) {
    return std::unexpected(result.error());
}

/// For `main`: one line on stderr; answers 1.
int complain(const Error& error);

// Answers: part of normal work, so they are no Errors.

/// Of a post to another thread. `ok` means accepted: if its object has gone by then, it does not run.
enum class [[nodiscard]] Posted : std::uint8_t { ok, full, stopped };

/// Of a write. `more` and `wait` took the bytes (after `wait`, stop until on_writable: whoever goes on is cut
/// at a hard limit); the others did not.
enum class [[nodiscard]] Sent : std::uint8_t { more, wait, full, closed, too_big };
constexpr bool taken(Sent sent) { return sent == Sent::more || sent == Sent::wait; }

}  // namespace penstock::core

namespace penstock {
using namespace std::chrono_literals;
using core::complain;
using core::Error;
using core::fail;
using core::Posted;
using core::Result;
using core::Sent;
using core::taken;
}  // namespace penstock
