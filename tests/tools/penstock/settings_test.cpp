// SPDX-License-Identifier: Apache-2.0
#include <penstock/node/detail/settings.hpp>

#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "file_receiver.hpp"

using namespace penstock;

TEST_CASE("the shipped settings file names every setting with its default") {
    std::ostringstream shipped;
    shipped << std::ifstream(PENSTOCK_NODE_TOML).rdbuf();
    tool::FileSettings files;
    CHECK(shipped.str() == node::default_settings_text({{tool::file_settings, files}}));
}
