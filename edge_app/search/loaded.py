"""What a question may need beside the index, loaded by the first that does and shared by all."""

from __future__ import annotations

import threading
from functools import cached_property

from edge_app import memory
from edge_app.config import Config
from edge_app.errors import NotFoundError
from edge_app.model.card import ModelCard
from edge_app.model.embed import Embedder
from edge_app.model.text import TextTower
from edge_app.model.words import Words
from edge_app.photos.children.pool import DECODERS, DecodePool


class Loaded:
    """The model's parts and a decoding child. Safe to use from several threads."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._loading = threading.Lock()

    def close(self) -> None:
        """Stop the decoding child, and let the text tower go."""
        if "_pool" in self.__dict__:
            self._pool.close()
        if "_text" in self.__dict__:
            self._text.close()

    @property
    def embedder(self) -> Embedder:
        """The model; a ModelError says what is wrong with it."""
        with self._loading:
            return self._embedder

    @property
    def words(self) -> Words:
        """The words that the model knows; a NotFoundError says that it knows none."""
        with self._loading:
            return self._words

    @property
    def text(self) -> TextTower:
        """The text tower, loaded or not; a NotFoundError says that the model has none."""
        with self._loading:
            return self._text

    @property
    def text_bytes(self) -> int:
        """Memory of the text tower; 0 while it is not loaded."""
        return self._text.resident_bytes if "_text" in self.__dict__ else 0

    @property
    def pool(self) -> DecodePool:
        """Decodes as the model wants it."""
        with self._loading:
            return self._pool

    def complete(self, text: str) -> list[str]:
        """Known words that begin so; none of a model that knows any text, but no list of words."""
        try:
            return self.words.complete(text)
        except NotFoundError:
            if ModelCard.load(self.config.model).text is None:
                raise
            return []

    @cached_property
    def _embedder(self) -> Embedder:
        return Embedder.of(self.config)

    @cached_property
    def _words(self) -> Words:
        return Words(self.config.model)

    @cached_property
    def _text(self) -> TextTower:
        return TextTower(self.config.model, self.config.runtime, self.config.limits.text_idle_s)

    @cached_property
    def _pool(self) -> DecodePool:
        card, limits = self._embedder.card, self.config.limits
        workers, decoder = memory.default_workers(limits), DECODERS[card.preprocess]
        return DecodePool(card.input_size_px, limits, workers, nice=0, decoder=decoder)
