// SPDX-License-Identifier: Apache-2.0
#include <penstock/http/chunked.hpp>
#include <penstock/http/detail/characters.hpp>

#include <algorithm>

namespace penstock::http {
namespace {

constexpr std::uint32_t digits_max = 16;
constexpr std::uint64_t chunk_bytes_max = UINT64_MAX >> 1;

constexpr Error refused(const char* text) { return {core::Domain::http, 400, text}; }

/// Whether it means nothing, or something false, behind the body (RFC 9110, 6.5.1): message framing is
/// refused elsewhere; this is routing, modifiers, authentication, control data, what says how to read the
/// content.
bool is_misplaced(std::string_view name) {
    static constexpr std::string_view names[] = {"te",
                                                 "trailer",
                                                 "upgrade",
                                                 "expect",
                                                 "max-forwards",
                                                 "keep-alive",
                                                 "pragma",
                                                 "authorization",
                                                 "cookie",
                                                 "set-cookie",
                                                 "age",
                                                 "cache-control",
                                                 "expires",
                                                 "date",
                                                 "location",
                                                 "retry-after",
                                                 "vary",
                                                 "warning",
                                                 "range",
                                                 "content-encoding",
                                                 "content-type",
                                                 "content-range",
                                                 "www-authenticate",
                                                 "proxy-authenticate",
                                                 "proxy-authorization",
                                                 "proxy-connection",
                                                 "authentication-info",
                                                 "proxy-authentication-info",
                                                 "forwarded",
                                                 "x-forwarded-for"};
    if (name.size() > 3 && detail::equal_ignoring_case(name.substr(0, 3), "if-")) return true;
    return std::any_of(std::begin(names), std::end(names),
                       [name](std::string_view one) { return detail::equal_ignoring_case(one, name); });
}

}  // namespace

void ChunkedReader::reset() {
    left_ = 0;
    line_bytes_ = extensions_bytes_ = digits_ = 0;
    state_ = State::size_start;
    trailers_.clear();
    trailer_bytes_.clear();
}

Result<ChunkedReader::Piece> ChunkedReader::next(std::string_view in) {
    std::size_t at = 0;
    while (at < in.size() && state_ != State::complete) {
        if (state_ == State::data) {
            const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - at));
            left_ -= count;
            if (left_ == 0) state_ = State::data_cr;
            return Piece{at + count, in.substr(at, count)};
        }
        if (state_ == State::trailers) {
            const auto taken = read_trailers(in.substr(at));
            if (!taken) return fail(taken);
            at += *taken;
        } else if (const auto error = frame(in[at])) {
            return fail(error);
        } else if (state_ != State::trailers) {
            ++at;
        }
    }
    return Piece{at, {}};
}

/// One byte between the data. The first byte of trailers is looked at only.
Error ChunkedReader::frame(char c) {
    switch (state_) {
        case State::size_start:
        case State::size: return read_digit(c);
        case State::extension: return read_extension(c);
        case State::size_lf:
            if (c != '\n') return refused("CR without LF in a chunk's line");
            state_ = left_ != 0 ? State::data : State::trailer_start;
            line_bytes_ = digits_ = 0;
            return {};
        case State::data_cr:
            if (c != '\r') return refused("no CRLF behind a chunk");
            state_ = State::data_lf;
            return {};
        case State::data_lf:
            if (c != '\n') return refused("no CRLF behind a chunk");
            state_ = State::size_start;
            return {};
        case State::trailer_start:
            state_ = c == '\r' ? State::last_lf : State::trailers;
            scanner_.start(0);
            return {};
        case State::last_lf:
            if (c != '\n') return refused("CR without LF behind the last chunk");
            state_ = State::complete;
            return {};
        case State::data:
        case State::trailers:
        case State::complete: break;
    }
    return {};
}

Error ChunkedReader::read_digit(char c) {
    const int digit = detail::hex_value(c);
    if (digit >= 0) {
        if (digits_ == digits_max || ++line_bytes_ > limits_->chunk_line_bytes_max)
            return refused("chunk size too long");
        ++digits_;
        if (left_ > chunk_bytes_max >> 4) return refused("chunk size too large");
        left_ = left_ << 4 | static_cast<unsigned>(digit);
        state_ = State::size;
        return {};
    }
    if (state_ == State::size_start) return refused("chunk size is no number");
    if (c == '\r') {
        state_ = State::size_lf;
        return {};
    }
    if (c != ';') return refused(c == '\n' ? "LF without CR in a chunk's line" : "malformed chunk size");
    state_ = State::extension;
    return read_extension(c);
}

Error ChunkedReader::read_extension(char c) {
    if (c == '\r') {
        state_ = State::size_lf;
        return {};
    }
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t') || byte == 0x7F) return refused("control character in a chunk extension");
    if (++line_bytes_ > limits_->chunk_line_bytes_max) return refused("chunk line too long");
    if (++extensions_bytes_ > limits_->chunk_extensions_bytes_max)
        return refused("chunk extensions too long");
    return {};
}

Result<std::size_t> ChunkedReader::read_trailers(std::string_view in) {
    const auto before = trailer_bytes_.size();
    trailer_bytes_ += in.substr(0, limits_->trailers_bytes_max - before);
    const auto taken = trailer_bytes_.size() - before;
    trailers_.rebase(trailer_bytes_.data());
    const auto end =
        scanner_.scan(trailer_bytes_, {limits_->trailers_bytes_max, limits_->trailers_max}, trailers_);
    if (!end || *end == 0) return end ? Result<std::size_t>(taken) : end;
    if (const auto error = check_trailers()) return fail(error);
    state_ = State::complete;
    trailer_bytes_.resize(*end);
    return *end - before;
}

Error ChunkedReader::check_trailers() {
    for (std::size_t at = 0; at < trailers_.size(); ++at) {
        const auto id = trailers_.id(at);
        if (id == FieldId::host || id == FieldId::content_length || id == FieldId::transfer_encoding ||
            id == FieldId::connection)
            return refused("trailer that frames or routes");
    }
    std::erase_if(trailers_.entries_, [this](const auto& entry) {
        return is_misplaced({trailer_bytes_.data() + entry.name_at, entry.name_bytes});
    });
    return {};
}

}  // namespace penstock::http
