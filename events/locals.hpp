// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/core/affine.hpp>
#include <penstock/core/assert.hpp>

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace penstock::events {

namespace detail {
std::size_t next_type_index() noexcept;
/// A small number for each type, the same in the whole process.
template <class T>
inline const std::size_t type_index = next_type_index();
}  // namespace detail

/// One object a type: a worker's typed storage (a processor queue has one too). What was made here dies here,
/// the last made first; what was lent belongs to somebody else. Thread: its owner's.
class Locals {
public:
    Locals() = default;
    ~Locals() { clear(); }
    Locals(const Locals&) = delete;
    Locals& operator=(const Locals&) = delete;

    template <class T>
    T* find() const {
        const auto at = detail::type_index<T>;
        return at < objects_.size() ? static_cast<T*>(objects_[at]) : nullptr;
    }
    template <class T, class... A>
    T& make(A&&... args) {
        PENSTOCK_ASSERT(find<T>() == nullptr);
        auto* made = new T(std::forward<A>(args)...);
        made_.push_back({detail::type_index<T>, made, [](void* object) { delete static_cast<T*>(object); }});
        lend<T>(made);
        return *made;
    }
    template <class T>
    void lend(T* object) {
        lend_index(detail::type_index<T>, object);
    }
    void lend_index(std::size_t index, const void* object) {
        if (objects_.size() <= index) objects_.resize(index + 1);
        objects_[index] = const_cast<void*>(object);  // a const one is found as const only
    }
    void clear() {
        while (!made_.empty()) {
            const auto last = made_.back();
            made_.pop_back();
            last.destroy(last.object);
            objects_[last.index] = nullptr;
        }
    }

private:
    struct Made {
        std::size_t index;
        void* object;
        void (*destroy)(void*);
    };
    std::vector<void*> objects_;
    std::vector<Made> made_;
};

}  // namespace penstock::events
