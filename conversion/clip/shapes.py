"""The shapes of CLIP's two towers: of the networks that have a name, or as a config.json says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from edge_app.errors import ModelError

HEAD_WIDTH = 64  # of each head of attention, in all of CLIP's networks
MLP_FACTOR = 4  # by which the layers inside a block are wider

# Of the training pixels from 0 to 1: github.com/openai/CLIP, clip.py.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
ACTIVATIONS = ("quick_gelu", "gelu")


class Tower(NamedTuple):
    """One transformer."""

    layers: int
    width: int
    heads: int
    inner: int  # width of the layers inside a block

    @classmethod
    def of(cls, layers: int, width: int) -> Tower:
        """With the heads and the inner width that CLIP's own have."""
        return cls(layers, width, width // HEAD_WIDTH, width * MLP_FACTOR)


class Shape(NamedTuple):
    """A network of two towers; everything that can't be seen from its tensors too."""

    size_px: int
    patch_px: int
    image: Tower
    text: Tower
    dim: int = 512
    length: int = 77  # tokens of a text, start and end included
    vocab: int = 49408
    activation: str | None = None  # one of ACTIVATIONS; None: the checkpoint has to say
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD


class Network(NamedTuple):
    """A value of --arch."""

    title: str
    shape: Shape | None  # None: as config.json says
    weights: tuple[str, ...] = ()  # names of official ones, the first is taken with "auto"


_TEXT = Tower.of(12, 512)
NETWORKS = {
    "clip_vit_b32": Network(
        "CLIP ViT-B/32", Shape(224, 32, Tower.of(12, 768), _TEXT), ("laion2b", "datacomp", "openai")
    ),
    "clip_vit_b32_256": Network("CLIP ViT-B/32-256", Shape(256, 32, Tower.of(12, 768), _TEXT)),
    "clip_vit_b16": Network("CLIP ViT-B/16", Shape(224, 16, Tower.of(12, 768), _TEXT)),
    "tinyclip_vit_8m_16": Network(
        "TinyCLIP ViT-8M/16", Shape(224, 16, Tower.of(10, 256), Tower.of(3, 256)), ("tinyclip",)
    ),
    "clip": Network("CLIP", None),
}


def read_shape(folder: Path) -> Shape | None:
    """What the config.json, or open_clip_config.json, beside a checkpoint says; None without."""
    for name, parse in (("config.json", _of_transformers), ("open_clip_config.json", _of_openclip)):
        path = folder / name
        if not path.is_file():
            continue
        try:
            shape = parse(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            reason = f"has no {error}" if isinstance(error, KeyError) else str(error)
            raise ModelError(f"{path} does not describe a CLIP network: {reason}") from None
        numbers = [shape.size_px, shape.patch_px, *shape.image, *shape.text]
        numbers += [shape.dim, shape.length, shape.vocab]
        if not all(type(number) is int and 0 < number < 100_000 for number in numbers):
            raise ModelError(f"{path} does not describe a CLIP network: its sizes are {numbers}")
        if shape.activation not in ACTIVATIONS:
            raise ModelError(f"{path} has the activation {shape.activation!r}, none of CLIP's")
        if shape.size_px % shape.patch_px:
            raise ModelError(f"{path}: {shape.size_px} px are no whole patches of {shape.patch_px}")
        return shape
    return None


def _of_transformers(config: Mapping[str, Any]) -> Shape:
    """Hugging Face's CLIPConfig; what it does not say has the defaults of that class."""
    # Older files have both, of which the second counts (transformers, configuration_clip.py).
    image, text = (
        config[name] | (config.get(f"{name}_dict") or {})
        for name in ("vision_config", "text_config")
    )
    activation = image.get("hidden_act", "quick_gelu")
    if text.get("hidden_act", "quick_gelu") != activation:
        raise ValueError("its towers have different activations")
    return Shape(
        image.get("image_size", 224),
        image.get("patch_size", 32),
        Tower(
            image.get("num_hidden_layers", 12),
            image.get("hidden_size", 768),
            image.get("num_attention_heads", 12),
            image.get("intermediate_size", 3072),
        ),
        Tower(
            text.get("num_hidden_layers", 12),
            text.get("hidden_size", 512),
            text.get("num_attention_heads", 8),
            text.get("intermediate_size", 2048),
        ),
        config.get("projection_dim", 512),
        text.get("max_position_embeddings", 77),
        text.get("vocab_size", 49408),
        activation,
    )


def _of_openclip(config: Mapping[str, Any]) -> Shape:
    """OpenCLIP's: github.com/mlfoundations/open_clip, model_configs."""
    model, pixels = config["model_cfg"], config.get("preprocess_cfg", {})
    image, text = model["vision_cfg"], model["text_cfg"]
    width, text_width = image["width"], text["width"]
    return Shape(
        image["image_size"],
        image["patch_size"],
        Tower(image["layers"], width, width // image.get("head_width", 64), width * MLP_FACTOR),
        Tower(text["layers"], text_width, text["heads"], text_width * MLP_FACTOR),
        model["embed_dim"],
        text.get("context_length", 77),
        text.get("vocab_size", 49408),
        "quick_gelu" if model.get("quick_gelu", False) else "gelu",
        _triple(pixels.get("mean", MEAN)),
        _triple(pixels.get("std", STD)),
    )


def _triple(value: Any) -> tuple[float, float, float]:
    red, green, blue = map(float, value)
    return red, green, blue
