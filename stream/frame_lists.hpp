// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/bytes.hpp>
#include <penstock/core/crypto/code.hpp>
#include <penstock/core/crypto/wire.hpp>
#include <penstock/stream/channel_id.hpp>
#include <penstock/stream/endpoint.hpp>
#include <penstock/stream/entry_iterator.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

// The lists inside WINDOW, RESUME and GOAWAY (docs/protocol.md, 3.3): views of a record, checked as a whole
// when the frame was read, and walked over in place.
namespace penstock::stream {

/// Walks over entries of type Entry, which `static bool read(crypto::Reader&, Entry&)` takes from the front
/// of the bytes.
template <class Entry>
class FrameList {
public:
    FrameList() = default;
    /// Takes `count` of them from the front of the reader; none if they are not all there, and right.
    static std::optional<FrameList> parse(crypto::Reader& reader, std::size_t count) {
        FrameList out;
        const auto all = reader.rest();
        Entry entry;
        for (std::size_t i = 0; i < count; ++i)
            if (!Entry::read(reader, entry)) return std::nullopt;
        out.bytes_ = all.first(all.size() - reader.rest().size());
        out.count_ = count;
        return out;
    }

    std::size_t size() const { return count_; }
    bool empty() const { return count_ == 0; }

    using Iterator = EntryIterator<Entry>;
    Iterator begin() const { return {bytes_, count_}; }
    Iterator end() const { return {{}, 0}; }

    static constexpr bool sendable = false;

private:
    Bytes bytes_;
    std::size_t count_ = 0;
};

/// `u32 cid | u64 consumed | u32 window`: the limit is their sum.
struct WindowEntry {
    ChannelId channel{};  ///< or the connection
    std::uint64_t consumed = 0;
    std::uint32_t window_bytes = 0;
    bool is_final_acked = false;  ///< FIN or RESET was taken; never for the connection

    static bool read(crypto::Reader& reader, WindowEntry& entry);
};

/// `u32 cid | u8 st | u64 rx_off | u64 rx_limit | [u64 final if st 1] | [u16 err if st 2 or 4]`
struct ResumeEntry {
    ChannelId channel{};
    std::uint64_t offset = 0;                     ///< how far the writer of this has received
    std::uint64_t limit = 0;                      ///< up to where it takes more; not below offset
    std::optional<std::uint64_t> final_offset{};  ///< st 1: where the reader's direction ends
    bool is_reset = false;                        ///< st 2: the writer reset its own sending
    bool is_stopped = false;                      ///< st 4: the writer sent STOP
    crypto::Code code = crypto::Code::no_error;   ///< of those two

    static bool read(crypto::Reader& reader, ResumeEntry& entry);
};

/// `u8 letter | u24 instance`
struct Mark {
    ChannelId channel{};

    static bool read(crypto::Reader& reader, Mark& mark);
};

struct EndpointEntry : Endpoint {
    static bool read(crypto::Reader& reader, EndpointEntry& entry) { return read_endpoint(reader, entry); }
};

using WindowEntries = FrameList<WindowEntry>;
using ResumeEntries = FrameList<ResumeEntry>;
using Marks = FrameList<Mark>;
using Endpoints = FrameList<EndpointEntry>;

}  // namespace penstock::stream
