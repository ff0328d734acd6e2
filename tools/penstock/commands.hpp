// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace CLI {
class App;
}

// The subcommands of `penstock`: each adds itself to the command line, and sets `run` when it was chosen.

namespace penstock::tool {

/// Exit codes: 0, 1 failed, 2 usage, 130 interrupted.
using Run = std::function<int()>;

void add_demo(CLI::App& app, Run& run);
void add_echo(CLI::App& app, Run& run);
void add_get(CLI::App& app, Run& run);
void add_key(CLI::App& app, Run& run);
void add_node(CLI::App& app, Run& run);
void add_send(CLI::App& app, Run& run);

}  // namespace penstock::tool
