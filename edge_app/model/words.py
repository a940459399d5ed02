"""Words that a model knows, as vectors that rank photos as any other query does."""

from __future__ import annotations

import difflib
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_app.config import MiB
from edge_app.errors import ModelError, NotFoundError, UsageError
from edge_app.model.card import ModelCard, read_file

WORDS_BYTES = 256 * MiB  # of their file: 1,000 words of 1,280 dimensions have 5
WORDS_MAX = 20  # completions of a word in one answer
WORD_CHARS = 100  # the longest word that is looked up
Floats = npt.NDArray[np.float32]


class Words:
    """The classes of a model's classifier, found by any of their names, in upper or lower case.

    Raises NotFoundError if the model has none, ModelError if their file is missing or damaged.
    """

    def __init__(self, model: Path) -> None:
        self.card = ModelCard.load(model)
        classes, self._vectors = _read(model, self.card)
        self._names: dict[str, str] = {}  # as written, by what is compared
        self._rows: dict[str, list[int]] = {}  # two classes may share a name: a crane is a bird too
        for row, names in enumerate(classes):
            for name in names.split(", "):
                key = _key(name)
                self._names.setdefault(key, name)
                self._rows.setdefault(key, []).append(row)

    def vector(self, word: str) -> Floats:
        """(dim,) float32, unit: where photos of it lie."""
        key = self._checked(word)
        if key not in self._rows:
            close = ", ".join(self._close(key))
            raise NotFoundError(
                f"the model {self.card.name} does not know the word {word!r}"
                + (f"; the closest are {close}" if close else ", and no similar word")
            )
        mean = self._vectors[self._rows[key]].mean(axis=0)
        unit: Floats = mean / np.linalg.norm(mean)
        return unit

    def complete(self, text: str) -> list[str]:
        """Some of the words that begin so, then those in which a later part does; where there are
        none, the closest."""
        key = self._checked(text)
        begin = sorted(name for name in self._names if name.startswith(key))
        later = sorted(name for name in self._names if f" {key}" in name)
        found = [*begin, *(name for name in later if name not in begin)][:WORDS_MAX]
        return [self._names[name] for name in found] or self._close(key)

    def _close(self, key: str) -> list[str]:
        return [self._names[name] for name in difflib.get_close_matches(key, self._names, n=5)]

    def _checked(self, text: str) -> str:
        if len(text) > WORD_CHARS:
            raise UsageError(f"a word of {len(text)} characters is over the limit of {WORD_CHARS}")
        return _key(text)


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _read(model: Path, card: ModelCard) -> tuple[list[str], Floats]:
    """The names of each class, and (n, dim) float32, unit rows."""
    if card.labels is None:
        raise NotFoundError(
            f"the model {card.name} knows no words; docs/models.md says which models do"
        )
    path = model.with_name(card.labels["file"])
    try:
        content = read_file(path, WORDS_BYTES)
        if hashlib.sha256(content).hexdigest() != card.labels["sha256"]:
            raise ValueError("its SHA-256 is not the one in the model's card")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            if sum(member.file_size for member in arrays.zip.infolist()) > WORDS_BYTES:
                raise ValueError(f"it has more than {WORDS_BYTES // MiB} MiB when unpacked")
            words, vectors = arrays["words"], arrays["vectors"]
        if words.dtype.kind != "U" or vectors.dtype != np.float32:
            raise ValueError(f"words are {words.dtype}, vectors {vectors.dtype}")
        if vectors.shape != (*words.shape, card.dim) or words.ndim != 1:
            raise ValueError(f"words are {words.shape}, vectors {vectors.shape} of dim {card.dim}")
        if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):  # NaN fails too
            raise ValueError("not all vectors are of length 1")
    except OSError as error:
        raise ModelError(f"the words {path} can't be read: {error.strerror or error}") from None
    except (ValueError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        raise ModelError(f"the words {path} can't be used: {error}; copy the file again") from None
    return words.tolist(), vectors
