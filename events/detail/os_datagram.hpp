// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/slab.hpp>
#include <penstock/events/backend.hpp>

#include <array>
#include <vector>

namespace penstock::events::detail {

Result<Descriptor> open_datagram(const Address& local, const DatagramOptions& options);

/// Receives in batches; the system may hand over several datagrams of one peer as one piece (UDP_GRO,
/// udp(7)), which is cut up again here. One for all sockets of a backend: the room for a batch is held
/// between calls, from the first on. Thread: its worker's.
class DatagramReader {
public:
    static constexpr std::size_t batch_max = 16;  ///< pieces in one system call

    DatagramReader() = default;
    ~DatagramReader();
    DatagramReader(const DatagramReader&) = delete;
    DatagramReader& operator=(const DatagramReader&) = delete;

    struct Read {
        std::size_t pieces = 0;  ///< fewer than batch_max: there were no more
        Error error;
    };
    /// Adds what is there to `out`.
    Read read(int number, std::vector<Datagram>& out);

private:
    std::array<core::Slab*, batch_max> rooms_{};
};

/// Sends in batches. One for all sockets of a backend. Thread: its worker's.
class DatagramWriter {
public:
    DatagramWriter();
    ~DatagramWriter();
    DatagramWriter(const DatagramWriter&) = delete;
    DatagramWriter& operator=(const DatagramWriter&) = delete;

    /// Sends from the front on and drops what is gone. Datagrams in a row to one peer and of one size go as
    /// one piece (UDP_SEGMENT) while `merge` is true; it becomes false where the system refuses that. True:
    /// all are gone; false: the system takes no more now.
    bool send(int number, Operation& operation, bool& merge);

private:
    struct Batch;
    std::unique_ptr<Batch> batch_;
};

}  // namespace penstock::events::detail
