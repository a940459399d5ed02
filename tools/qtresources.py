"""Reads the files that a Qt resource file (.rcc, formats 1 to 3) holds; one that is trusted."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from struct import unpack_from

NODE_BYTES = {1: 14, 2: 22, 3: 22}  # by format; later ones add a time
COMPRESSED, FOLDER = 1, 2


def files_of(resource: bytes) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file; ValueError where it is no resource file.

    Layout: "qres", then as 32 bits, big-endian, format and the places of nodes, contents and names.
    A folder's node has the number of its first child; node 0 is the root.
    """
    version = unpack_from(">I", resource, 4)[0] if resource[:4] == b"qres" else None
    if version not in NODE_BYTES:
        raise ValueError("this is no Qt resource file of a known format")
    nodes, contents, names = unpack_from(">3I", resource, 8)

    def below(node: int, path: str) -> Iterator[tuple[str, bytes]]:
        name, flags, *rest = unpack_from(">IHII", resource, nodes + node * NODE_BYTES[version])
        if node:
            (length,) = unpack_from(">H", resource, names + name)
            start = names + name + 6  # after the length and a hash
            path += "/" + resource[start : start + 2 * length].decode("utf-16-be")
        if flags & FOLDER:
            count, first = rest
            for child in range(first, first + count):
                yield from below(child, path)
            return
        at = contents + rest[1]
        (length,) = unpack_from(">I", resource, at)
        content = resource[at + 4 : at + 4 + length]
        # Compressed content has its size in front.
        yield path, zlib.decompress(content[4:]) if flags & COMPRESSED else content

    yield from below(0, "")
