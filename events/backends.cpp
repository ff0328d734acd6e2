// SPDX-License-Identifier: Apache-2.0
#include <penstock/events/backend/epoll.hpp>
#include <penstock/events/backend/poll.hpp>
#include <penstock/events/backend/uring.hpp>
#include <penstock/events/backends.hpp>

#include <array>
#include <cstdlib>
#include <utility>

namespace penstock::events {
namespace {

struct Known {
    std::string_view name;
    std::unique_ptr<Backend> (*make)();
};

template <class B>
std::unique_ptr<Backend> make() {
    return std::make_unique<B>();
}

constexpr std::string_view uring_name = "io_uring";

constexpr std::array known{
    Known{"epoll", &make<EpollBackend>},
    Known{uring_name, &make<UringBackend>},
    Known{"poll", &make<PollBackend>},
};

std::string_view chosen() {
    const char* const set = std::getenv("PENSTOCK_BACKEND");
    return set != nullptr ? set : "epoll";
}

}  // namespace

bool is_backend_name(std::string_view name) {
    if (name == "auto") return true;
    for (const auto& backend : known)
        if (backend.name == name) return true;
    return false;
}

Result<MadeBackend> make_backend(std::string_view name) {
    if (name == "auto") name = chosen();
    for (const auto& backend : known) {
        if (backend.name != name) continue;
        auto out = backend.make();
        const auto started = out->start();
        if (started) return MadeBackend{std::move(out), {}};
        if (name != uring_name) return fail(started);
        auto instead = make_backend("epoll");
        if (instead) instead->missing = started.error();
        return instead;
    }
    return fail(Error(core::Domain::settings, 1, "no such backend: write auto, epoll, io_uring or poll"));
}

}  // namespace penstock::events
