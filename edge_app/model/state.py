"""Which model answers, which one is about to, and what is wrong with it: all without loading it."""

from __future__ import annotations

from typing import Any

from edge_app.config import Config
from edge_app.errors import ModelError
from edge_app.index.format.generation import comparable
from edge_app.model.card import ModelCard, ModelIdentity
from edge_app.model.runtime import installed_runtime


def model_state(config: Config, indexed: ModelIdentity | None) -> dict[str, Any]:
    """`model`, `next_model` and `model_error` of /api/status; `indexed`: what the index that
    answers was built with.

    The two models differ from the start with another model until all photos are embedded again.
    """
    try:
        card = ModelCard.load(config.model)
        runtime = installed_runtime(config.runtime)
    except ModelError as error:
        return {"model": None, "next_model": None, "model_error": str(error)}
    model = {
        "name": card.name,
        "dim": card.dim,
        "weights": card.weights,
        "runtime": runtime,
        "words": card.labels is not None,
    }
    # Another runtime's int8 embeddings are not another model to a reader.
    if indexed is None or comparable(card.identity(indexed.runtime), indexed):
        return {"model": model, "next_model": None, "model_error": None}
    # What else is known is on the card of the other.
    answering = model | {"name": indexed.name, "dim": indexed.dim, "weights": None, "words": False}
    return {"model": answering, "next_model": model, "model_error": None}
