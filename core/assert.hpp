// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace penstock::core {

/// Ends the process with one line on stderr. For our own bugs only: what a peer or the environment can cause
/// is an Error.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace penstock::core

/// An assertion that is on in every build.
#define PENSTOCK_ASSERT(condition) \
    ((condition) ? static_cast<void>(0) : ::penstock::core::assertion_failed(#condition, __FILE__, __LINE__))
