// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/assert.hpp>

#include <cstdint>
#include <vector>

namespace penstock::events {

/// The places of a worker's objects that gave out a Remote. A place is used again with a new generation, so a
/// stale Remote finds nothing. Thread: its worker's.
class HandleTable {
public:
    struct Handle {
        std::uint32_t place = 0, generation = 0;  ///< place 0 is the worker itself
        friend bool operator==(const Handle&, const Handle&) = default;
    };

    HandleTable() : places_(1) {}

    Handle add(void* object) {
        if (free_ == 0) {
            places_.push_back({});
            free_ = static_cast<std::uint32_t>(places_.size() - 1);
        }
        const auto place = free_;
        free_ = places_[place].next_free;
        places_[place].object = object;
        return {place, places_[place].generation};
    }
    void remove(std::uint32_t place) {
        PENSTOCK_ASSERT(place != 0 && places_[place].object != nullptr);
        ++places_[place].generation;
        places_[place].object = nullptr;
        places_[place].next_free = free_;
        free_ = place;
    }
    void* find(Handle handle) const {
        if (handle.place >= places_.size() || places_[handle.place].generation != handle.generation)
            return nullptr;
        return places_[handle.place].object;
    }
    std::uint32_t generation(std::uint32_t place) const { return places_[place].generation; }

private:
    struct Place {
        void* object = nullptr;
        std::uint32_t generation = 0;
        std::uint32_t next_free = 0;
    };
    std::vector<Place> places_;
    std::uint32_t free_ = 0;
};

}  // namespace penstock::events
