// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::core {

/// Base of what belongs to one worker (or one processor queue, or one owner) and never leaves it.
///
/// Neither copied nor moved; whoever holds a reference is on its thread. To reach one from elsewhere, hold a
/// Remote<T>; to send one elsewhere, detach it where its type can (see penstock/events/remote.hpp).
class Affine {
public:
    Affine(const Affine&) = delete;
    Affine& operator=(const Affine&) = delete;

protected:
    Affine() = default;
    ~Affine() = default;
};

}  // namespace penstock::core
