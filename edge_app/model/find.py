"""Which model to use where none is named."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path

from edge_app.config import Config
from edge_app.errors import EdgeAppError, ModelError
from edge_app.model.card import ModelCard
from edge_app.model.describe import slow_pairing
from edge_app.model.runtime import installed_runtime
from edge_app.userfolders import models_folder

GROUP = "lookalike.models"  # entry points: a package whose folder holds a model and its card

# What finds most first, by the mean average precision of docs/models.md.
_BY_QUALITY = ("efficientnet_lite2", "efficientnet_lite1", "efficientnet_lite0")
_BY_SPEED = ("int8", "float16", "float32")


def find_model(sha256: str | None = None) -> Path:
    """The model of models/ in the working folder, else of an installed package, else of the user's
    data folder; wherever it is, the one with this SHA-256 first: the index was made with it.

    Where there is none, the path that it would have in models/.
    """
    default = Config().model
    if os.path.isfile(default) and sha256 is None:
        return default
    runtime = _runtime()
    found: list[tuple[Path, ModelCard]] = []
    for models in (_cards(default.parent), _packaged(), _cards(models_folder())):
        found += sorted(models, key=lambda pair: _order(pair[0], pair[1], runtime))
    same = next((model for model, card in found if card.sha256 == sha256), None)
    if same or os.path.isfile(default):
        return same or default
    return found[0][0] if found else default


def _order(model: Path, card: ModelCard, runtime: str) -> tuple[bool, int, int, str]:
    """Smaller for what runs fast here, then for what finds more, then for what runs fastest."""
    name = card.architecture
    quality = _BY_QUALITY.index(name) if name in _BY_QUALITY else len(_BY_QUALITY)
    slow = slow_pairing(runtime, card.dtype, platform.machine()) is not None
    return slow, quality, _BY_SPEED.index(card.dtype), str(model)


def _cards(folder: Path) -> list[tuple[Path, ModelCard]]:
    """Every model of a folder whose card can be read."""
    found = []
    for model in sorted(folder.glob("*.tflite")):
        try:
            found.append((model, ModelCard.load(model)))
        except ModelError:
            continue  # said where the model is named
    return found


def _packaged() -> list[tuple[Path, ModelCard]]:
    return [found for folder in _package_folders() for found in _cards(folder)]


def _package_folders() -> Iterator[Path]:
    """Of installed model packages; nothing of them is run."""
    for entry in metadata.entry_points(group=GROUP):
        spec = util.find_spec(entry.value.partition(".")[0])
        for folder in (spec and spec.submodule_search_locations) or ():
            yield Path(folder)


def _runtime() -> str:
    try:
        return installed_runtime(None)
    except EdgeAppError:
        return ""  # said where one is needed
