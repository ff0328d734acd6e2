// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/assert.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/stream/window.hpp>

#include <algorithm>

namespace penstock::stream {
namespace {

using crypto::Code;

/// Half the window, or three of the largest pieces, whichever comes first.
bool is_worth_telling(std::uint64_t news, std::uint32_t window_bytes) {
    return news > 0 && news >= std::min<std::uint64_t>(window_bytes / 2, 3 * piece_bytes_max);
}

/// Requires limit <= offset_max + 2^32, which all limits here are.
bool fits(std::uint64_t offset, std::uint64_t cost, std::uint64_t limit) {
    return offset <= limit && cost <= limit - offset;
}

}  // namespace

void SendWindow::send(std::uint64_t cost) {
    PENSTOCK_ASSERT(cost <= credit());
    offset_ += cost;
}

Result<void> SendWindow::update(std::uint64_t consumed, std::uint32_t window_bytes) {
    if (consumed > offset_) return fail(crypto::error(Code::flow, "more was consumed than was sent"));
    consumed_ = std::max(consumed_, consumed);
    limit_ = std::max(limit_, std::min(consumed + window_bytes, offset_max));
    return {};
}

Result<void> ReceiveWindow::receive(std::optional<std::uint64_t> at, std::uint64_t cost, bool is_fin) {
    if (at && *at != offset_) return fail(crypto::error(Code::offset));
    if (final_ && (cost > *final_ - offset_ || (is_fin && cost != *final_ - offset_)))
        return fail(crypto::error(Code::final_size));
    if (!fits(offset_, cost, limit_)) return fail(crypto::error(Code::flow));
    offset_ += cost;
    if (is_fin) final_ = offset_;
    return {};
}

Result<void> ReceiveWindow::reset(std::uint64_t final_offset) {
    if (final_offset < offset_ || (final_ && final_offset != *final_))
        return fail(crypto::error(Code::final_size));
    if (final_offset > limit_) return fail(crypto::error(Code::flow));
    final_ = offset_ = consumed_ = final_offset;
    return {};
}

void ReceiveWindow::consume(std::uint64_t cost) {
    PENSTOCK_ASSERT(cost <= offset_ - consumed_);
    consumed_ += cost;
}

bool ReceiveWindow::is_due() const { return is_worth_telling(consumed_ - announced_, window_); }

ReceiveWindow::Announcement ReceiveWindow::announce() {
    announced_ = consumed_;
    limit_ = std::max(limit_, std::min(consumed_ + window_, offset_max));
    return {consumed_, window_};
}

void ReceiveWindow::grow(std::uint32_t window_bytes) {
    window_ = std::max(window_, std::min(window_bytes, channel_window_bytes_max));
}

Result<void> ConnectionWindow::receive(std::uint64_t payload_bytes) {
    if (!fits(received_, payload_bytes, limit_)) return fail(crypto::error(Code::flow));
    received_ += payload_bytes;
    buffered_ += payload_bytes;
    release();
    return {};
}

void ConnectionWindow::consume(std::uint64_t payload_bytes) {
    PENSTOCK_ASSERT(payload_bytes <= buffered_);
    buffered_ -= payload_bytes;
    release();
}

/// What lies above 3/4 of the cap holds room back; all else that came in is given back.
void ConnectionWindow::release() {
    const std::uint64_t free_below = buffered_max_ / 4 * 3;
    const auto held = buffered_ > free_below ? buffered_ - free_below : 0;
    released_ = std::max(released_, received_ - std::min(received_, held));
}

bool ConnectionWindow::is_due() const { return is_worth_telling(released_ - announced_, window_); }

ReceiveWindow::Announcement ConnectionWindow::announce() {
    announced_ = released_;
    limit_ = std::max(limit_, std::min(released_ + window_, offset_max));
    return {released_, window_};
}

void ConnectionWindow::attach() {
    received_ = released_ = announced_ = 0;
    limit_ = window_;
}

}  // namespace penstock::stream
