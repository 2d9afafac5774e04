"""Writes the golden frames, one a file, for fuzzing to begin with.

    seeds.py DIRECTORY
"""

import pathlib
import sys

VECTORS = pathlib.Path(__file__).parents[2] / "proto" / "vectors"


def frames(text):
    """The name and the bytes of each vector in `text`."""
    for vector in text.split("\n\n"):
        lines = [line.split(" ", 1) for line in vector.splitlines()]
        names = [line[1] for line in lines if line[0] == "name"]
        row = "".join(line[1] for line in lines if line[0] == "hex")
        if names:
            yield names[0], bytes.fromhex(row)


def main():
    directory = pathlib.Path(sys.argv[1])
    for path in sorted(VECTORS.glob("*.txt")):
        for name, frame in frames(path.read_text()):
            (directory / f"{path.stem}_{name}").write_bytes(frame)


main()
