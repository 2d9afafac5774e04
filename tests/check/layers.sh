#!/usr/bin/env bash
# Checks what each file includes: project headers only from the layers below
# it, and third-party headers only where they belong.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The folders that a file of the first word's folder may include from. The
# faces, wire and compat, may see the contract of a face besides.
readonly layers='
base    base
core    base core
store   base core store
loop    base core loop
engine  base core store loop engine
server  base core loop engine server
wire    base core wire server/face.h
compat  base core compat server/face.h
clients base wire clients
main.c  base core store loop engine server wire compat
'

# Where a third-party header may be included, as an extended regular
# expression over paths.
readonly third_party='
uv.h          ^(src/(loop|server)|clients/bench)/
cache.pb-c.h  ^src/wire/message_[a-z_]*\.c$
protobuf-c    ^src/wire/
cjson/cJSON.h ^compat/json_[a-z_]*\.c$
CUnit/        ^tests/
'

# Prints `path: include` for every include that is not allowed.
violations() {
    find src compat clients -name '*.[ch]' | sort | xargs awk -v layers="$layers" '
        BEGIN {
            count = split(layers, lines, "\n")
            for (i = 1; i <= count; i++) {
                words = split(lines[i], word, " ")
                for (j = 2; j <= words; j++)
                    allowed[word[1], word[j]] = 1
            }
        }
        /^#include "/ {
            split($0, quoted, "\"")
            included = quoted[2]
            path = FILENAME
            sub(/^src\//, "", path)
            split(path, own, "/")
            split(included, other, "/")
            if (included ~ /\// && !allowed[own[1], other[1]] &&
                !allowed[own[1], included])
                print FILENAME ": " included
        }'
}

# Prints `path: header` for every third-party header out of its place.
strays() {
    local header where
    while read -r header where; do
        [[ -n $header ]] || continue
        grep -rlE "#include [<\"]$header" --include='*.[ch]' \
            src compat clients tests 2>/dev/null |
            grep -vE "$where|^tests/" | sed "s|\$|: $header|" || true
    done <<<"$third_party"
}

# Prints quoted includes without a folder, which hide their layer.
folderless() {
    grep -rnE '#include "[^/"]*"' --include='*.[ch]' src compat clients |
        grep -v '"cache\.pb-c\.h"' || true
}

found=$(violations; strays; folderless)
if [[ -n $found ]]; then
    printf 'not allowed here, see tests/check/layers.sh:\n%s\n' "$found" >&2
    exit 1
fi
