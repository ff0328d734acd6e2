// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/result.hpp>
#include <penstock/http/field_scanner.hpp>
#include <penstock/http/limits.hpp>

#include <string>

namespace penstock::http {

/// Takes the chunked coding off a body (RFC 9112, 7.1), piece by piece and without a copy. Strict: CRLF only,
/// no white space around sizes, sizes below 2^63 in at most 16 digits. Extensions are passed over and
/// limited.
///
///     while (!in.empty() && !reader.is_complete()) {
///         const auto piece = reader.next(in);
///         if (!piece) ...                        // 400 or 431, as in a request; then close
///         in.remove_prefix(piece->taken);
///         use(piece->data);                      // maybe empty
///     }
///
/// Trailers are kept in a block of the reader's own, which only bodies with trailers have. Those that must
/// not stand there (RFC 9110, 6.5.1) are dropped; those that frame or route are refused.
class ChunkedReader {
public:
    struct Piece {
        std::size_t taken;      ///< of the input; 0 only for an empty one or a complete body
        std::string_view data;  ///< the last bytes of what was taken
    };

    /// The limits outlive the reader.
    explicit ChunkedReader(const Limits& limits) : limits_(&limits) {}

    /// Takes bytes up to the end of the first data in them, or of the body. Requires: no call after an error.
    Result<Piece> next(std::string_view in);

    bool is_complete() const { return state_ == State::complete; }
    /// Of the complete body; valid until `reset`.
    const Fields& trailers() const { return trailers_; }
    /// For the next body.
    void reset();

private:
    enum class State : std::uint8_t {
        size_start,
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailers,
        last_lf,
        complete,
    };

    Error frame(char c);
    Error read_digit(char c);
    Error read_extension(char c);
    Result<std::size_t> read_trailers(std::string_view in);
    Error check_trailers();

    const Limits* limits_;
    std::uint64_t left_ = 0;              // of the chunk; while its size is read: the size so far
    std::uint32_t line_bytes_ = 0;        // of the current chunk's line
    std::uint32_t extensions_bytes_ = 0;  // of the body
    std::uint32_t digits_ = 0;
    State state_ = State::size_start;
    FieldScanner scanner_;
    Fields trailers_;
    std::string trailer_bytes_;
};

}  // namespace penstock::http
