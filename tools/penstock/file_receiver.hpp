// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/crypto/hash.hpp>
#include <penstock/core/settings.hpp>
#include <penstock/events/file.hpp>
#include <penstock/stream/channel.hpp>
#include <penstock/stream/channels.hpp>

#include <cstdint>
#include <memory>
#include <string>

#include "file_transfer.hpp"

namespace penstock::tool {

struct FileSettings {
    core::ByteSize bytes_max = std::uint64_t(64) << 30;
};
inline constexpr auto file_settings =
    core::table<FileSettings>("files", {
                                           {"bytes_max",
                                            &FileSettings::bytes_max,
                                            {0, std::uint64_t(1) << 50},
                                            core::at_start,
                                            "a longer file is refused by channel F"},
                                       });

/// The receiving end of letter F. A file has no name until all of it was there and its hash was right, and it
/// is on the disk; then its name is its SHA-256. Nothing of the peer's gets into a path.
class FileReceiver final : public stream::ChannelHandler, public events::FileHandler {
public:
    /// More waits for the disk: the channel isn't read.
    static constexpr std::size_t unwritten_bytes_max = 1024 * 1024;

    /// `folder` exists.
    FileReceiver(stream::Channel& channel, std::string folder, std::uint64_t bytes_max);

private:
    Result<void> on_open(stream::Channel& channel, Bytes params) override;
    void on_packet(stream::Channel& channel, stream::Packet packet) override;
    void on_end(stream::Channel& channel) override;
    void on_closed(stream::Channel& channel, const stream::Closed& closed) override;

    void on_written(events::File& file) override;
    void on_committed(events::File& file) override;
    void on_failed(events::File& file, Error error) override;

    enum class State : std::uint8_t { idle, receiving, committing, failed };

    void begin(Bytes body);
    void data(Slice bytes);
    void end(Bytes body);
    void refuse(FileCode code);
    void answer(const FileResult& result);
    void pace();

    stream::Channel& channel_;
    const std::string folder_;
    const std::uint64_t bytes_max_;
    std::unique_ptr<events::File> file_;
    crypto::Sha256 hash_;
    crypto::Hash sha256_{};
    std::uint64_t announced_ = 0, received_ = 0;
    State state_ = State::idle;
    bool has_ended_ = false;
};

/// Adds letter F, which receives into the folder.
void add_file_channel(stream::Channels& channels, std::string folder, std::uint64_t bytes_max);

}  // namespace penstock::tool
