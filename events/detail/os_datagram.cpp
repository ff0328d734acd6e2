// SPDX-License-Identifier: Apache-2.0
#include <penstock/core/home.hpp>
#include <penstock/events/detail/os_address.hpp>
#include <penstock/events/detail/os_datagram.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace penstock::events::detail {
namespace {

constexpr std::size_t piece_bytes_max = 64 * 1024;  // the longest datagram, and the longest merged piece
constexpr std::size_t kept_bytes_min = 16 * 1024;   // a shorter piece doesn't keep a room, but is copied

void option(int number, int level, int name, int value) {
    ::setsockopt(number, level, name, &value, sizeof value);
}

/// Room for one control message with a number in it.
union Control {
    cmsghdr header;
    std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

/// The size of each datagram in a merged piece; 0: it is one.
std::size_t segment_bytes(msghdr& message) {
    for (auto* control = CMSG_FIRSTHDR(&message); control != nullptr;
         control = CMSG_NXTHDR(&message, control)) {
        if (control->cmsg_level != SOL_UDP || control->cmsg_type != UDP_GRO) continue;
        int size = 0;
        std::memcpy(&size, CMSG_DATA(control), sizeof size);
        return static_cast<std::size_t>(std::max(size, 0));
    }
    return 0;
}

/// Out of a room that is received into again, or that is replaced.
Slice take_piece(core::Slab*& room, std::size_t size) {
    if (size >= kept_bytes_min) {
        auto& taken = *std::exchange(room, nullptr);
        return {taken, taken.bytes(), size};
    }
    auto& filler = core::Home::current()->incoming();
    std::memcpy(filler.room(size).data(), room->bytes(), size);
    return filler.fill(size);
}

void cut_up(Slice piece, std::size_t segment, const Address& peer, bool is_cut, std::vector<Datagram>& out) {
    while (segment > 0 && piece.size() > segment)
        out.push_back({.peer = peer, .data = piece.take(segment), .is_cut = false});
    out.push_back({.peer = peer, .data = std::move(piece), .is_cut = is_cut});
}

}  // namespace

Result<Descriptor> open_datagram(const Address& local, const DatagramOptions& options) {
    Descriptor out(::socket(family(local), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                   Descriptor::Kind::datagram);
    const int number = out.number();
    if (!out) return fail(Error::os(errno, "socket"));
    if (options.share_port) option(number, SOL_SOCKET, SO_REUSEPORT, 1);
    if (local.is_v6()) option(number, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (options.buffer_bytes > 0) {
        option(number, SOL_SOCKET, SO_RCVBUF, options.buffer_bytes);
        option(number, SOL_SOCKET, SO_SNDBUF, options.buffer_bytes);
    }
    option(number, SOL_UDP, UDP_GRO, 1);  // refused before Linux 5.0: then each comes alone
    NativeAddress at(local);
    if (::bind(number, at.address(), at.size) != 0) return fail(Error::os(errno, "bind"));
    if (options.peer.empty()) return out;
    NativeAddress to(options.peer);
    if (::connect(number, to.address(), to.size) != 0) return fail(Error::os(errno, "connect"));
    return out;
}

DatagramReader::~DatagramReader() {
    for (auto* room : rooms_)
        if (room != nullptr) room->release();
}

DatagramReader::Read DatagramReader::read(int number, std::vector<Datagram>& out) {
    std::array<NativeAddress, batch_max> peers;
    std::array<iovec, batch_max> views;
    std::array<Control, batch_max> controls;
    std::array<mmsghdr, batch_max> messages{};
    for (std::size_t i = 0; i < batch_max; ++i) {
        if (rooms_[i] == nullptr) rooms_[i] = core::SlabPool::take(piece_bytes_max);
        views[i] = {rooms_[i]->bytes(), piece_bytes_max};
        auto& header = messages[i].msg_hdr;
        header.msg_name = peers[i].address();
        header.msg_namelen = peers[i].size;
        header.msg_iov = &views[i];
        header.msg_iovlen = 1;
        header.msg_control = controls[i].bytes.data();
        header.msg_controllen = controls[i].bytes.size();
    }
    int count;
    do count = ::recvmmsg(number, messages.data(), batch_max, MSG_DONTWAIT, nullptr);
    while (count < 0 && errno == EINTR);
    if (count < 0) return {0, errno == EAGAIN ? Error() : Error::os(errno, "receive")};
    const auto pieces = static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < pieces; ++i) {
        auto& header = messages[i].msg_hdr;
        cut_up(take_piece(rooms_[i], messages[i].msg_len), segment_bytes(header), peers[i].parsed(),
               (header.msg_flags & MSG_TRUNC) != 0, out);
    }
    return {pieces, {}};
}

namespace {

constexpr std::size_t merged_max = 64;            // UDP_MAX_SEGMENTS of the kernel
constexpr std::size_t merged_bytes_max = 65'000;  // with the headers of either family below 64 KiB
constexpr std::size_t messages_max = 32;          // of one system call

/// How many from the front on can go as one: all of one size, but the last, which may be shorter.
std::size_t mergeable(std::span<const Datagram> datagrams) {
    const auto& first = datagrams.front();
    std::size_t count = 1, bytes = first.data.size();
    if (first.data.empty()) return 1;
    while (count < datagrams.size() && count < merged_max) {
        const auto& next = datagrams[count];
        bytes += next.data.size();
        if (next.peer != first.peer || next.data.empty() || next.data.size() > first.data.size() ||
            bytes > merged_bytes_max)
            break;
        ++count;
        if (next.data.size() < first.data.size()) break;
    }
    return count;
}

}  // namespace

/// What one sendmmsg takes: messages of one or more datagrams each.
struct DatagramWriter::Batch {
    std::array<mmsghdr, messages_max> messages{};
    std::array<NativeAddress, messages_max> peers;
    std::array<Control, messages_max> controls;
    std::array<std::size_t, messages_max> datagrams{};
    std::vector<iovec> views;
    unsigned count = 0;

    void add(std::span<const Datagram> merged);
};

void DatagramWriter::Batch::add(std::span<const Datagram> merged) {
    auto& header = messages[count].msg_hdr;
    header = {};
    if (!merged.front().peer.empty()) {
        peers[count] = NativeAddress(merged.front().peer);
        header.msg_name = peers[count].address();
        header.msg_namelen = peers[count].size;
    }
    header.msg_iov = views.data() + views.size();
    header.msg_iovlen = merged.size();
    for (const auto& datagram : merged)
        views.push_back({const_cast<std::byte*>(datagram.data.data()), datagram.data.size()});
    if (merged.size() > 1) {
        header.msg_control = controls[count].bytes.data();
        header.msg_controllen = CMSG_SPACE(sizeof(std::uint16_t));
        auto& control = controls[count].header;
        control.cmsg_level = SOL_UDP;
        control.cmsg_type = UDP_SEGMENT;
        control.cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
        const auto segment = static_cast<std::uint16_t>(merged.front().data.size());
        std::memcpy(CMSG_DATA(&control), &segment, sizeof segment);
    }
    datagrams[count++] = merged.size();
}

DatagramWriter::DatagramWriter() = default;
DatagramWriter::~DatagramWriter() = default;

bool DatagramWriter::send(int number, Operation& operation, bool& merge) {
    if (batch_ == nullptr) {
        batch_ = std::make_unique<Batch>();
        batch_->views.reserve(messages_max * merged_max);  // never moves: messages point into it
    }
    auto& batch = *batch_;
    auto& datagrams = operation.datagrams;
    std::size_t gone = 0;
    bool is_full = false;
    while (gone < datagrams.size() && !is_full) {
        batch.count = 0;
        batch.views.clear();
        for (auto at = gone; at < datagrams.size() && batch.count < messages_max;) {
            const auto rest = std::span(datagrams).subspan(at);
            const auto count = merge ? mergeable(rest) : 1;
            batch.add(rest.first(count));
            at += count;
        }
        const int sent = ::sendmmsg(number, batch.messages.data(), batch.count, MSG_NOSIGNAL | MSG_DONTWAIT);
        const int error = sent < 0 ? errno : 0;
        for (int i = 0; i < sent; ++i) {
            const auto count = batch.datagrams[static_cast<std::size_t>(i)];
            for (const auto end = gone + count; gone < end; ++gone)
                operation.done.bytes += datagrams[gone].data.size();
        }
        if (sent >= 0 || error == EINTR) continue;
        if (error == EAGAIN) {
            is_full = true;
        } else if (batch.datagrams[0] > 1 && (error == EINVAL || error == EIO || error == EMSGSIZE)) {
            merge = false;
        } else {
            operation.done.error = Error::os(error, "send");
            ++operation.refused;
            ++gone;
        }
    }
    datagrams.erase(datagrams.begin(), datagrams.begin() + static_cast<std::ptrdiff_t>(gone));
    return datagrams.empty();
}

}  // namespace penstock::events::detail
