// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

namespace penstock::events {

/// An owned descriptor: of the system, or of a simulation (which closes it itself). Closed when it dies;
/// thread: any, a simulated one its simulation's.
class Descriptor {
public:
    enum class Kind : std::uint8_t { stream, listening, datagram, other };

    /// Closes descriptors that are not the system's.
    class Closer {
    public:
        virtual void close_descriptor(int number) noexcept = 0;

    protected:
        ~Closer() = default;
    };

    Descriptor() = default;
    explicit Descriptor(int number, Kind kind, Closer* closer = nullptr)
        : closer_(closer), number_(number), kind_(kind) {}
    Descriptor(Descriptor&& other) noexcept
        : closer_(other.closer_),
          number_(std::exchange(other.number_, -1)),
          kind_(other.kind_),
          is_shared_(other.is_shared_) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor() { close(); }

    int number() const { return number_; }
    Kind kind() const { return kind_; }
    explicit operator bool() const { return number_ >= 0; }
    bool is_of_system() const { return closer_ == nullptr; }
    void close() noexcept;
    /// Gives the number up without closing it.
    int release() { return std::exchange(number_, -1); }

    /// Others hold this file too (a listening socket that was passed in): closing it here does not end its
    /// events.
    bool is_shared() const { return is_shared_; }
    void shared(bool is) { is_shared_ = is; }

    static constexpr bool sendable = true;

private:
    Closer* closer_ = nullptr;
    int number_ = -1;
    Kind kind_ = Kind::other;
    bool is_shared_ = false;
};

}  // namespace penstock::events
