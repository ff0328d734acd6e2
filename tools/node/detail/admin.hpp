// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <penstock/http/router.hpp>

#include <array>
#include <string_view>

namespace penstock::node {

class Site;

/// The patterns of the admin pages.
inline constexpr std::array<std::string_view, 4> admin_paths{"/", "/healthz", "/metrics", "/status"};

/// Adds them to a worker's routes. The site outlives the router.
void add_admin_routes(http::Router& router, Site& site);

/// The page about the node, for browsers. Only the script and the style that carry this nonce run there.
std::string admin_page(std::string_view nonce);
/// The Content-Security-Policy of that page.
std::string admin_page_policy(std::string_view nonce);

}  // namespace penstock::node
