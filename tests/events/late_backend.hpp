// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/assert.hpp>
#include <penstock/events/backend.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "hand_worker.hpp"

namespace penstock::test {

/// Another backend, but what an operation or a receive brings comes a turn later, as from a kernel that has
/// the buffers meanwhile: operations outlive their sockets, and a socket that is to leave must be settled
/// first.
class LateBackend final : public events::Backend {
public:
    explicit LateBackend(std::unique_ptr<events::Backend> inner) : inner_(std::move(inner)) {}
    ~LateBackend() override {
        entries_.clear();
        auto stop = [](auto& inner) {
            if constexpr (requires { inner.stop(); }) inner.stop();
        };
        stop(*inner_);
    }
    const char* name() const override { return inner_->name(); }

    /// While set, operations are kept, and not begun.
    bool holds_operations = false;
    /// Set: they fail, and nothing of them is done.
    Error fails_operations;

    Result<events::Entry*> enter(events::Descriptor owned, events::EntryOwner& owner) override {
        auto late = std::make_unique<Late>();
        auto entered = inner_->enter(std::move(owned), *late);
        if (!entered) return fail(entered);
        late->inner = *entered;
        late->owner(&owner);
        entries_.push_back(std::move(late));
        return entries_.back().get();
    }
    bool settle(events::Entry& entry) override {
        auto& late = of(entry);
        PENSTOCK_ASSERT(late.operation == nullptr);
        late.credit = 0;
        late.is_settling = true;
        late.is_settled = inner_->settle(*late.inner);
        return false;
    }
    events::Descriptor leave(events::Entry& entry) override {
        auto& late = of(entry);
        PENSTOCK_ASSERT(late.operation == nullptr && late.held.empty());
        late.owner(nullptr);
        return inner_->leave(*std::exchange(late.inner, nullptr));
    }
    Result<Address> local_address(const events::Entry& entry) const override {
        return inner_->local_address(*static_cast<const Late&>(entry).inner);
    }

    void arm_accept(events::Entry& entry, bool armed) override {
        inner_->arm_accept(*of(entry).inner, armed);
    }
    void arm_receive(events::Entry& entry, std::size_t credit_bytes) override {
        auto& late = of(entry);
        late.credit = std::min(credit_bytes, credit_unlimited);
        const auto held = late.held_bytes();
        inner_->arm_receive(*late.inner, late.credit >= credit_unlimited ? credit_unlimited
                                         : late.credit > held            ? late.credit - held
                                                                         : 0);
    }
    void arm_datagrams(events::Entry& entry, bool armed) override {
        inner_->arm_datagrams(*of(entry).inner, armed);
    }
    void arm_poll(events::Entry& entry, events::Interest interest) override {
        inner_->arm_poll(*of(entry).inner, interest);
    }
    std::optional<events::Completion> submit(events::Entry& entry, events::Operation& operation) override {
        auto& late = of(entry);
        PENSTOCK_ASSERT(late.operation == nullptr);
        operation.entry = &entry;
        operation.done = {};
        late.operation = &operation;
        late.has_begun = late.is_cancelled = false;
        return {};
    }
    void cancel(events::Operation& operation) override {
        const auto found =
            std::ranges::find_if(entries_, [&](const auto& e) { return e->operation == &operation; });
        PENSTOCK_ASSERT(found != entries_.end());
        if ((*found)->has_begun)
            inner_->cancel(operation);
        else
            (*found)->is_cancelled = true;
    }
    Result<void> finish(events::Entry& entry) override { return inner_->finish(*of(entry).inner); }
    void close(events::Entry& entry, bool reset) override {
        auto& late = of(entry);
        late.owner(nullptr);
        late.held.clear();
        if (late.has_begun) late.operation = nullptr;  // the inner one's
        inner_->close(*std::exchange(late.inner, nullptr), reset);
    }

    void wait(std::chrono::nanoseconds at_most) override {
        inner_->wait(has_ready() ? std::chrono::nanoseconds(0) : at_most);
    }
    void dispatch(events::Completions& completions) override {
        const auto count = entries_.size();
        for (std::size_t i = 0; i < count; ++i)
            entries_[i]->is_due = entries_[i]->has_something(holds_operations);
        Inner inner(*this, completions);
        inner_->dispatch(inner);
        for (std::size_t i = 0; i < count; ++i)
            if (entries_[i]->is_due) step(*entries_[i], completions);
    }
    bool has_ready() const override {
        return inner_->has_ready() || std::ranges::any_of(entries_, [&](const auto& late) {
                   return late->has_something(holds_operations);
               });
    }
    void free_closed() override {
        inner_->free_closed();
        std::erase_if(entries_,
                      [](const auto& late) { return late->inner == nullptr && late->operation == nullptr; });
    }
    void wake() noexcept override { inner_->wake(); }

private:
    struct Late final : events::Entry, events::EntryOwner {
        events::Entry* inner = nullptr;  // null: closed, or left
        events::Operation* operation = nullptr;
        std::size_t credit = 0;
        std::vector<Slice> held;  // received
        std::optional<Error> end;
        bool has_begun = false, is_cancelled = false, is_settling = false, is_settled = false, is_due = false;

        std::size_t held_bytes() const {
            std::size_t out = 0;
            for (const auto& slice : held) out += slice.size();
            return out;
        }
        bool has_something(bool holds) const {
            if (operation != nullptr && !has_begun && (inner == nullptr || is_cancelled || !holds))
                return true;
            return inner != nullptr && (is_settling ? is_settled : credit > 0 && (!held.empty() || end));
        }
    };
    static Late& of(events::Entry& entry) { return static_cast<Late&>(entry); }

    void step(Late& late, events::Completions& completions) {
        if (late.operation != nullptr && !late.has_begun) begin(late, completions);
        while (late.inner != nullptr && !late.held.empty() && (late.credit > 0 || late.is_settling)) {
            auto slice = std::move(late.held.front());
            late.held.erase(late.held.begin());
            if (!late.is_settling && slice.size() > late.credit) {
                auto first = slice.take(late.credit);
                late.held.insert(late.held.begin(), std::move(slice));
                slice = std::move(first);
            }
            if (late.credit < credit_unlimited) late.credit -= std::min(late.credit, slice.size());
            completions.received(late, std::move(slice));
        }
        if (late.inner == nullptr) return;
        if (late.is_settling && late.is_settled) {
            late.is_settling = false;
            return completions.settled(late);
        }
        if (!late.end || !late.held.empty() || late.credit == 0) return;
        const auto error = *std::exchange(late.end, {});
        late.credit = 0;
        error ? completions.receive_failed(late, error) : completions.receive_end(late);
    }
    void begin(Late& late, events::Completions& completions) {
        auto& operation = *late.operation;
        if (late.inner == nullptr || late.is_cancelled) {
            operation.done = {0, Error::os(ECANCELED)};
        } else if (fails_operations) {
            operation.done = {0, fails_operations};
        } else {
            late.has_begun = true;
            const auto done = inner_->submit(*late.inner, operation);
            if (!done) return;
            operation.done = *done;
        }
        late.operation = nullptr;
        completions.completed(late, operation);
    }

    /// What the inner one says is held; operations that it had pending are late enough.
    struct Inner final : events::Completions {
        Inner(LateBackend& b, events::Completions& o) : backend(b), outer(o) {}
        LateBackend& backend;
        events::Completions& outer;
        static Late* late(events::Entry& entry) { return static_cast<Late*>(entry.owner()); }

        void accepted(events::Entry& entry, events::Descriptor descriptor, const Address& peer) override {
            if (auto* to = late(entry)) outer.accepted(*to, std::move(descriptor), peer);
        }
        void accept_failed(events::Entry& entry, Error error) override {
            if (auto* to = late(entry)) outer.accept_failed(*to, error);
        }
        void received(events::Entry& entry, Slice slice) override {
            if (auto* to = late(entry)) to->held.push_back(std::move(slice));
        }
        void receive_end(events::Entry& entry) override {
            if (auto* to = late(entry)) to->end = Error();
        }
        void receive_failed(events::Entry& entry, Error error) override {
            auto* to = late(entry);
            if (to == nullptr) return;
            if (to->credit > 0)
                to->end = error;
            else
                outer.receive_failed(*to, error);  // of datagrams
        }
        void datagrams(events::Entry& entry, std::span<events::Datagram> datagrams) override {
            if (auto* to = late(entry)) outer.datagrams(*to, datagrams);
        }
        void settled(events::Entry& entry) override {
            if (auto* to = late(entry)) to->is_settled = true;
        }
        void ready(events::Entry& entry, events::Interest interest) override {
            if (auto* to = late(entry)) outer.ready(*to, interest);
        }
        void completed(events::Entry& entry, events::Operation& operation) override {
            auto* to = late(entry);
            if (to == nullptr) return outer.completed(entry, operation);
            to->operation = nullptr;
            to->has_begun = false;
            outer.completed(*to, operation);
        }
    };

    const std::unique_ptr<events::Backend> inner_;
    std::vector<std::unique_ptr<Late>> entries_;
};

/// Over the backend of PENSTOCK_BACKEND; for ReactorSettings too.
inline std::unique_ptr<events::Backend> late_backend() {
    return std::make_unique<LateBackend>(system_backend());
}

}  // namespace penstock::test
