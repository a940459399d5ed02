"""Text as the numbers that CLIP's text towers take: byte-pair encoding, in plain Python.

The same numbers as the reference gives, github.com/openai/CLIP, simple_tokenizer.py, for all that
people type. Of ftfy, which it calls first, only what changes such text is done here; text that was
decoded with a wrong encoding stays as it is.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

HEADER = "lookalike-vocab 1"  # the first line of a .vocab file; then one merge a line, best first
CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")  # are words of their own
END_OF_WORD = "</w>"
WORDS_KEPT = 4096  # words whose numbers are kept

# What ftfy makes of quotes, ligatures and letters of full width.
_LIGATURES = "ĳĲǆǅǄǉǈǇǌǋǊǳǲǱﬀﬁﬂﬃﬄﬆ"
_FULL_WIDTH = [chr(code) for code in (0x3000, *range(0xFF01, 0xFFF0))]
_PLAIN = str.maketrans(
    {
        **{sign: unicodedata.normalize("NFKC", sign) for sign in (*_LIGATURES, *_FULL_WIDTH)},
        **dict.fromkeys("\u02bc\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        **dict.fromkeys("\u2028\u2029", "\n"),
        "ŉ": "'n",
        "ﬅ": "ſt",
        "\x85": "…",
        "\ufeff": None,
    }
)


class Tokenizer:
    """One vocabulary. Safe to use from several threads.

    vocab: a .vocab file. Raises ValueError, what is wrong with it.
    """

    def __init__(self, vocab: bytes) -> None:
        header, *lines = vocab.decode().removesuffix("\n").split("\n")
        if header != HEADER:
            raise ValueError(f"its first line is not {HEADER!r}")
        splits = [line.find(" ") for line in lines]
        if not all(
            0 < at < len(line) - 1 and line.count(" ") == 1
            for at, line in zip(splits, lines, strict=True)
        ):
            raise ValueError("a line of it is not two parts of a word")
        letters = _letters_of_bytes()
        pieces = [*letters, *(letter + END_OF_WORD for letter in letters)]
        self._letters = dict(zip(_bytes_in_order(), letters, strict=True))
        # A part of a word is made by one merge only, which is known by where it is split: half the
        # memory of a second dictionary, 8 MB with CLIP's vocabulary.
        self._splits = np.array([len(piece) for piece in pieces] + splits, np.uint16)
        pieces += [line.replace(" ", "") for line in lines]
        self._numbers = {piece: number for number, piece in enumerate(pieces)}
        if len(self._numbers) < len(pieces):
            raise ValueError("it has the same part of a word twice")
        self.start, self.end = len(pieces), len(pieces) + 1
        self._word = lru_cache(WORDS_KEPT)(self._encode_word)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.end + 1

    def __call__(self, text: str, length: int) -> npt.NDArray[np.int32]:
        """(length,) int32: start, the text as far as it fits, end, and zeros."""
        numbers = [self.start]
        for word in words_of(text):
            if len(numbers) >= length:
                break
            numbers += self._word(word)
        row = np.zeros(length, np.int32)
        kept = numbers[: length - 1]
        row[: len(kept)] = kept
        row[len(kept)] = self.end
        return row

    def _encode_word(self, word: str) -> list[int]:
        pieces = [self._letters[byte] for byte in word.encode("utf-8", "replace")]
        pieces[-1] += END_OF_WORD
        while len(pieces) > 1:
            best = min(pairwise(pieces), key=self._rank)
            if self._rank(best) == self.size:
                break
            pieces = _merged(pieces, best)
        return [self._numbers[piece] for piece in pieces]

    def _rank(self, pair: tuple[str, str]) -> int:
        """Lower for what is merged first; the size of the vocabulary for what is not merged."""
        number = self._numbers.get(pair[0] + pair[1])
        if number is None or self._splits[number] != len(pair[0]):
            return self.size
        return number


def words_of(text: str) -> Iterator[str]:
    """The words, single digits and runs of other signs of a text, in lower case."""
    clean = " ".join(_cleaned(text).lower().split())
    at = 0
    while at < len(clean):
        begin, kind = at, _kind(clean[at])
        contraction = next((end for end in CONTRACTIONS if clean.startswith(end, at)), "")
        at += len(contraction) or 1
        if not contraction and kind != "N":
            while at < len(clean) and _kind(clean[at]) == kind:
                at += 1
        if kind != " ":
            yield clean[begin:at]


def _cleaned(text: str) -> str:
    plain = unicodedata.normalize("NFC", text.translate(_PLAIN))
    plain = "".join(sign for sign in plain if sign in "\t\n" or unicodedata.category(sign) != "Cc")
    return html.unescape(html.unescape(plain))


def _kind(sign: str) -> str:
    """L of letters, N of numbers, a space, or O for all else."""
    if sign.isspace():
        return " "
    category = unicodedata.category(sign)[0]
    return category if category in "LN" else "O"


def _merged(pieces: list[str], pair: tuple[str, ...]) -> list[str]:
    """The pieces with every such pair as one."""
    merged: list[str] = []
    at = 0
    while at < len(pieces):
        if tuple(pieces[at : at + 2]) == pair:
            merged.append("".join(pair))
            at += 2
        else:
            merged.append(pieces[at])
            at += 1
    return merged


def _bytes_in_order() -> list[int]:
    """All bytes, those first that are printable signs of Latin-1."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return printable + [byte for byte in range(0x100) if byte not in printable]


def _letters_of_bytes() -> list[str]:
    """The letter that stands for each of these bytes: none of them is a space."""
    order = _bytes_in_order()
    printable = 188
    return [chr(byte) for byte in order[:printable]] + [
        chr(0x100 + place) for place in range(0x100 - printable)
    ]
