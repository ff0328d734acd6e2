# SPDX-License-Identifier: Apache-2.0
# Sourced by run, test, bench and soak: which Debian packages each job needs, and how they are installed.

run_packages="g++ cmake ninja-build pkg-config libcli11-dev libspdlog-dev libssl-dev libsodium-dev liburing-dev libtomlplusplus-dev nlohmann-json3-dev"
test_packages="$run_packages doctest-dev python3 python3-dissononce curl"
clang_packages="clang-19 libclang-rt-19-dev"
check_packages="$clang_packages clang-format-19 clang-tidy-19"

# need REASON PACKAGE...: installs what is missing; says what and why first.
need() {
    local reason=$1 package missing=()
    shift
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing ${missing[*]}: $reason" >&2
    local sudo=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || { echo "error: not root and no sudo; install them yourself: apt-get install ${missing[*]}" >&2; exit 1; }
        sudo=sudo
    fi
    local log
    log=$(mktemp)
    if ! { $sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        echo "error: apt-get could not install ${missing[*]}" >&2
        exit 1
    fi
    rm -f "$log"
}

# build PRESET [TARGET...]: configures (with $cmake_options too) and builds; quiet unless it fails.
cmake_options=
build() {
    local preset=$1 log
    shift
    log=$(mktemp)
    if ! { cmake --preset "$preset" $cmake_options && cmake --build "build/$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
        grep -E -A12 'error|FAILED' "$log" | head -n 120 >&2 || tail -n 60 "$log" >&2
        rm -f "$log"
        echo "error: the $preset build failed" >&2
        exit 1
    fi
    rm -f "$log"
}
