// SPDX-License-Identifier: Apache-2.0
#include "file_receiver.hpp"

#include <penstock/core/crypto/algorithms.hpp>
#include <penstock/stream/key_table.hpp>

#include <cerrno>
#include <utility>

namespace penstock::tool {

FileReceiver::FileReceiver(stream::Channel& channel, std::string folder, std::uint64_t bytes_max)
    : channel_(channel),
      folder_(std::move(folder)),
      bytes_max_(bytes_max),
      hash_(channel.worker().local<stream::CryptoTools>().algorithms) {}

Result<void> FileReceiver::on_open(stream::Channel& channel, Bytes) {
    channel.ready_to_write(false);  // results are sent when there are some
    return {};
}

void FileReceiver::on_packet(stream::Channel& channel, stream::Packet packet) {
    switch (packet.type) {
        case file_begin: return begin(packet.data);
        case file_data: return data(std::move(packet.data));
        case file_end: return end(packet.data);
        default:
            channel.abort(
                Error::user(static_cast<int>(FileCode::unexpected), "no such packet on this channel"));
    }
}

void FileReceiver::begin(Bytes body) {
    const auto size = parse_begin(body);
    if (state_ == State::receiving || !size) return refuse(FileCode::unexpected);
    announced_ = *size;
    received_ = 0;
    if (*size > bytes_max_) return refuse(FileCode::too_big);
    state_ = State::receiving;
    std::ignore = hash_.finish();  // whatever a file that failed left in it
    file_ = std::make_unique<events::File>(channel_.worker(), *this);
    file_->create(folder_ + "/incoming");
}

void FileReceiver::data(Slice bytes) {
    if (state_ == State::failed) return;
    if (state_ != State::receiving) return refuse(FileCode::unexpected);
    if (bytes.size() > announced_ - received_) return refuse(FileCode::wrong_size);
    received_ += bytes.size();
    hash_.update(bytes);
    file_->write(std::move(bytes));
    pace();
}

void FileReceiver::end(Bytes body) {
    if (state_ == State::failed) return;
    const auto sent = parse_end(body);
    if (state_ != State::receiving || !sent) return refuse(FileCode::unexpected);
    if (received_ != announced_) return refuse(FileCode::wrong_size);
    sha256_ = hash_.finish();
    if (sha256_ != *sent) return refuse(FileCode::wrong_hash);
    state_ = State::committing;
    file_->commit_over(folder_ + '/' + hex(sha256_));  // of that name there are only the same bytes
    pace();
}

/// The file goes, and so does what still comes of it.
void FileReceiver::refuse(FileCode code) {
    file_.reset();
    state_ = State::failed;
    answer({code, received_, {}});
}

void FileReceiver::answer(const FileResult& result) {
    const auto& peer = channel_.peer();
    auto& log = channel_.worker().log();
    if (result.code == FileCode::ok)
        log.info("file received", {"bytes", result.bytes}, {"sha256", hex(result.sha256)},
                 {"peer", peer.address()});
    else
        log.warn("file refused", {"why", text_of(result.code)}, {"bytes", result.bytes},
                 {"peer", peer.address()});
    if (!taken(channel_.send(file_result, result_body(result))))
        channel_.abort(Error::os(ENOBUFS, "a result that nobody reads"));
    pace();
}

void FileReceiver::pace() {
    const bool is_behind = state_ == State::receiving && file_->unwritten() > unwritten_bytes_max;
    channel_.ready_to_read(!is_behind && state_ != State::committing);
    if (has_ended_ && state_ != State::committing) channel_.close();
}

void FileReceiver::on_end(stream::Channel&) {
    has_ended_ = true;
    pace();
}

void FileReceiver::on_closed(stream::Channel&, const stream::Closed& closed) {
    auto& log = channel_.worker().log();
    const auto& peer = channel_.peer().address();
    if (state_ == State::receiving)
        log.warn("file cut", {"why", closed.error}, {"bytes", received_}, {"of", announced_}, {"peer", peer});
    if (state_ == State::committing)  // it is whole: it will be there, or not at all
        log.warn("file whole, but its sender left before it was stored", {"why", closed.error},
                 {"sha256", hex(sha256_)}, {"peer", peer});
    file_.reset();
}

void FileReceiver::on_written(events::File&) { pace(); }

void FileReceiver::on_committed(events::File&) {
    state_ = State::idle;
    answer({FileCode::ok, received_, sha256_});
}

void FileReceiver::on_failed(events::File&, Error error) {
    const bool is_full = error.domain() == core::Domain::os &&
                         (error.code() == ENOSPC || error.code() == EDQUOT || error.code() == EFBIG);
    channel_.worker().log().error("received file", {"folder", folder_}, {"why", error});
    refuse(is_full ? FileCode::no_space : FileCode::storage);
}

void add_file_channel(stream::Channels& channels, std::string folder, std::uint64_t bytes_max) {
    channels.add(file_letter, file_options,
                 [folder = std::move(folder), bytes_max](stream::Channel& channel) {
                     return std::make_unique<FileReceiver>(channel, folder, bytes_max);
                 });
}

}  // namespace penstock::tool
