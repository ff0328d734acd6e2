// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/slab.hpp>
#include <penstock/core/slice.hpp>

namespace penstock::core {

/// What core needs to know of the current worker (which derives from it): its pool of slabs. The pointer to
/// it is the only thread-local of the framework; it is null on threads that are no worker, where slabs come
/// from the heap and go back to it.
class Home {
public:
    SlabPool& slabs() { return slabs_; }
    /// Where what arrives, and what is written in small pieces, is collected.
    SlabFiller& incoming() { return incoming_; }
    SlabFiller& outgoing() { return outgoing_; }

    static Home* current() { return current_; }

    /// Makes `home` the current one while it lives; simulations have several per thread.
    class Entered {
    public:
        explicit Entered(Home* home) : before_(current_) { current_ = home; }
        ~Entered() { current_ = before_; }
        Entered(const Entered&) = delete;
        Entered& operator=(const Entered&) = delete;

    private:
        Home* before_;
    };

protected:
    Home() = default;
    ~Home() = default;

private:
    static inline constinit thread_local Home* current_ = nullptr;
    SlabPool slabs_;
    SlabFiller incoming_, outgoing_;
};

}  // namespace penstock::core
