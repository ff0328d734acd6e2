// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/hash.hpp>
#include <penstock/events/file.hpp>
#include <penstock/events/task.hpp>
#include <penstock/stream/channel.hpp>
#include <penstock/stream/channels.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "file_transfer.hpp"

namespace penstock::tool {

/// One file that is to be sent, and how far that is.
struct FileJob {
    std::string path;
    std::uint64_t size = 0;  ///< as it was announced
    std::uint64_t sent = 0;  ///< handed to the channel
    /// The node's result when it is ok and has our hash; else what went wrong.
    events::Answer<Result<FileResult>> done{};
};

/// The sending end of letter F: one file, then nothing more. Reads no more than the channel takes.
class FileSender final : public stream::ChannelHandler, public events::FileHandler {
public:
    static constexpr std::size_t read_bytes = 2 * file_data_bytes_max;

    /// The job outlives the channel's on_closed.
    FileSender(stream::Channel& channel, FileJob& job);

private:
    Result<void> on_open(stream::Channel& channel, Bytes params) override;
    void on_packet(stream::Channel& channel, stream::Packet packet) override;
    void on_writable(stream::Channel& channel) override;
    void on_closed(stream::Channel& channel, const stream::Closed& closed) override;

    void on_read(events::File& file, Slice piece) override;
    void on_failed(events::File& file, Error error) override;

    void send();
    void end();
    void give(Result<FileResult> result);

    stream::Channel& channel_;
    FileJob& job_;
    std::optional<events::File> file_;  // until the channel is closed
    crypto::Sha256 hash_;
    crypto::Hash sha256_{};
    Slice unsent_;
    bool is_whole_ = false;    // the end was sent
    bool is_waiting_ = false;  // for room in the channel
    bool is_given_ = false;
};

/// Adds letter F, which sends that one file.
void add_file_sender(stream::Channels& channels, FileJob& job);

}  // namespace penstock::tool
