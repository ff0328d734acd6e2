// SPDX-License-Identifier: Apache-2.0
#include <penstock/stream/detail/incoming_message.hpp>
#include <penstock/stream/encrypted_request.hpp>

namespace penstock::stream {
namespace {

const Error cut_short = crypto::error(crypto::Code::protocol, "the encrypted request is cut short");

}  // namespace

/// Until so many bytes are held; false: the body ended before.
Task<bool> IncomingMessage::fill(std::size_t bytes) {
    while (held_.size() < bytes && !has_ended_) {
        const auto piece = co_await exchange_.read();
        if (!piece) {
            has_ended_ = true;
            break;
        }
        held_ += piece->text();
        if (left_) *left_ -= std::min<std::uint64_t>(*left_, piece->size());
    }
    co_return held_.size() >= bytes;
}

Behind IncomingMessage::behind(std::size_t bytes) const {
    if (held_.size() > bytes || left_.value_or(0) > 0) return Behind::more;
    return left_ || has_ended_ ? Behind::nothing : Behind::unknown;
}

Task<Result<IncomingMessage::First>> IncomingMessage::take(std::size_t prefix_bytes) {
    if (!co_await fill(prefix_bytes + 2)) co_return fail(cut_short);
    auto size = MessageOpener::record_bytes(Bytes(held_).from(prefix_bytes));
    if (!size) co_return fail(size);
    const auto whole = prefix_bytes + *size;
    if (!co_await fill(whole)) co_return fail(cut_short);
    First out{Buffer::copy(Bytes(held_).first(whole)), behind(whole)};
    held_.erase(0, whole);
    co_return out;
}

Task<Result<IncomingMessage::First>> IncomingMessage::first() {
    std::size_t wanted = request_prefix_bytes_min;
    for (;;) {
        if (!co_await fill(wanted)) co_return fail(cut_short);
        const auto size = request_prefix_bytes(held_);
        if (!size) co_return fail(size);
        if (*size <= held_.size()) co_return co_await take(*size);
        wanted = *size;
    }
}

Task<Result<IncomingMessage::First>> IncomingMessage::next() { return take(0); }

Task<bool> IncomingMessage::ends(Behind behind) {
    if (behind != Behind::unknown) co_return behind == Behind::nothing;
    co_await fill(1);
    co_return held_.empty() && has_ended_;
}

}  // namespace penstock::stream
