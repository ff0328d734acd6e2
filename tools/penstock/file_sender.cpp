// SPDX-License-Identifier: Apache-2.0
#include "file_sender.hpp"

#include <penstock/stream/key_table.hpp>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::tool {
namespace {

Error user(FileCode code, const char* text) { return Error::user(static_cast<int>(code), text); }

}  // namespace

FileSender::FileSender(stream::Channel& channel, FileJob& job)
    : channel_(channel), job_(job), hash_(channel.worker().local<stream::CryptoTools>().algorithms) {}

Result<void> FileSender::on_open(stream::Channel& channel, Bytes) {
    channel.ready_to_write(false);  // the file's reads set the pace
    file_.emplace(channel.worker(), *this);
    file_->open(job_.path);
    file_->read(read_bytes);
    if (!taken(channel.send(file_begin, begin_body(job_.size))))
        return fail(user(FileCode::unexpected, "the channel takes nothing"));
    return {};
}

void FileSender::on_read(events::File&, Slice piece) {
    if (piece.empty()) return end();
    if (piece.size() > job_.size - job_.sent)
        return give(fail(user(FileCode::wrong_size, "the file grew while it was sent")));
    hash_.update(piece);
    unsent_ = std::move(piece);
    send();
}

/// What was read, as far as the channel takes it; then reads on.
void FileSender::send() {
    const auto most = std::min(file_data_bytes_max, channel_.options().message_bytes_max);
    while (!unsent_.empty() && !is_waiting_ && !is_given_) {
        auto piece = unsent_.take(std::min(unsent_.size(), most));
        const auto bytes = piece.size();
        const auto sent = channel_.send(file_data, std::move(piece));
        if (!taken(sent)) return give(fail(user(FileCode::unexpected, "the channel takes no more")));
        job_.sent += bytes;
        is_waiting_ = sent == Sent::wait;
    }
    if (!is_waiting_ && !is_given_) file_->read(read_bytes);
}

void FileSender::on_writable(stream::Channel&) {
    if (std::exchange(is_waiting_, false) && !is_whole_) send();
}

void FileSender::end() {
    if (job_.sent != job_.size)
        return give(fail(user(FileCode::wrong_size, "the file shrank while it was sent")));
    sha256_ = hash_.finish();
    is_whole_ = true;
    if (!taken(channel_.send(file_end, end_body(sha256_))))
        give(fail(user(FileCode::unexpected, "the channel takes no more")));
}

void FileSender::on_packet(stream::Channel&, stream::Packet packet) {
    if (packet.type != file_result)
        return give(fail(user(FileCode::unexpected, "the node sent something else than a result")));
    auto result = parse_result(packet.data);
    if (!result) return give(fail(result));
    if (result->code != FileCode::ok) return give(fail(user(result->code, text_of(result->code))));
    if (!is_whole_ || result->bytes != job_.size || result->sha256 != sha256_)
        return give(fail(user(FileCode::wrong_hash, "the node says that it has another file")));
    give(*result);
}

void FileSender::on_closed(stream::Channel&, const stream::Closed& closed) {
    file_.reset();  // this lives on to the end of the turn, the job may not
    give(fail(closed.error ? closed.error : Error::os(ECONNRESET, "the node closed the channel")));
}

void FileSender::on_failed(events::File&, Error error) { give(fail(error)); }

void FileSender::give(Result<FileResult> result) {
    if (!std::exchange(is_given_, true)) job_.done.give(std::move(result));
}

void add_file_sender(stream::Channels& channels, FileJob& job) {
    channels.add(file_letter, file_options,
                 [&job](stream::Channel& channel) { return std::make_unique<FileSender>(channel, job); });
}

}  // namespace penstock::tool
