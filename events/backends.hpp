// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/events/backend.hpp>

#include <memory>
#include <string_view>

namespace penstock::events {

/// The backends of this build, as a person may name them in the settings.
inline constexpr std::string_view backend_names = "auto, epoll, io_uring or poll";
bool is_backend_name(std::string_view name);

struct MadeBackend {
    std::unique_ptr<Backend> backend;  ///< started
    Error missing;                     ///< why it is not the one that was asked for, but epoll
};

/// Makes and starts it. `auto` is the one that the environment variable PENSTOCK_BACKEND names; without it,
/// epoll. Where the kernel has no io_uring for us (old, or forbidden), epoll takes its place.
Result<MadeBackend> make_backend(std::string_view name);

}  // namespace penstock::events
