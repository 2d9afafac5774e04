#!/usr/bin/env bash
# Compiles every header alone, and twice, so that each includes what it needs
# and guards itself. Uses the compiler CC, gcc by default.
set -euo pipefail
cd "$(dirname "$0")/../.."

check_header() {
    printf '#include "%s"\n#include "%s"\n' "$PWD/$1" "$PWD/$1" |
        "${CC:-gcc}" -std=c11 -D_GNU_SOURCE -DCACHESERVER_VERSION='"0"' \
            -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -Isrc -I. -Itests -Ibuild/proto -x c - ||
        { echo "$1 does not compile alone" >&2 && return 1; }
}
export -f check_header

find src compat clients tests -name '*.h' |
    xargs -P "$(nproc)" -I{} bash -c 'check_header "$@"' - {}
