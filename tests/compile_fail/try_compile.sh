#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# try_compile.sh FILE COMPILER FLAGS...
set -u
file=$1
shift
expected=$(sed -n 's,^// refused: ,,p' "$file")
output=$("$@" "$file" 2>&1)
status=$?
if [ -z "$expected" ]; then
    [ $status -eq 0 ] && exit 0
    printf '%s\nerror: %s should be accepted\n' "$output" "$file"
    exit 1
fi
if [ $status -eq 0 ]; then
    echo "error: $file should be refused"
    exit 1
fi
if ! grep -qE "$expected" <<<"$output"; then
    printf '%s\nerror: %s was refused, but not with: %s\n' "$output" "$file" "$expected"
    exit 1
fi
