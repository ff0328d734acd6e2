#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# try_install.sh BUILD_DIR COMPILER FLAGS
set -euo pipefail
build_dir=$1 compiler=$2 flags=$3
here=$(cd "$(dirname "$0")" && pwd)
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$build_dir" --prefix "$prefix/usr" >/dev/null
if find "$prefix/usr/include" -path '*/detail/*' -o -path '*/backend/*' ! -name simulated.hpp ! -type d | grep .; then
    echo "error: private headers were installed"; exit 1
fi
"$prefix/usr/bin/penstock" --version

cmake -S "$here/consumer" -B "$prefix/build" -DCMAKE_PREFIX_PATH="$prefix/usr" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_FLAGS="$flags" >/dev/null
cmake --build "$prefix/build" >/dev/null
"$prefix/build/consumer"

export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix/usr" -name penstock.pc)")
$compiler $flags $(pkg-config --cflags penstock) "$here/consumer/main.cpp" $(pkg-config --libs penstock) -o "$prefix/by_pkg_config"
"$prefix/by_pkg_config"
