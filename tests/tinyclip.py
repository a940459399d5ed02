"""A tiny CLIP checkpoint of random numbers, and what it computes, in plain NumPy.

The network is written down here once more, from the reference (github.com/openai/CLIP, model.py)
and by the tensor names of Hugging Face's transformers, so that it shares nothing with what is
tested. What it gives was compared once with FlaxCLIPModel of transformers 4.46.3 (test_clip.py).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Tensors = dict[str, npt.NDArray[np.float32]]

SIZE_PX, PATCH_PX, DIM, LENGTH, HEADS = 32, 16, 24, 12, 2
WIDTHS = {"vision": 32, "text": 16}
LAYERS = 2
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

# As many as make words of a few letters; CLIP has 48,894.
MERGES = [
    *("t h", "i n", "a n", "r e", "o n", "th e</w>", "in g</w>", "d o", "do g</w>", "c a"),
    *("ca t</w>", "re d</w>", "s n", "sn o", "sno w</w>", "o f</w>", "b l", "bl u", "blu e</w>"),
]
VOCAB = 2 * 256 + 2 + len(MERGES)
TEXTS = ("a dog", "the red cat in the snow", "blue", "a photo of a very long text that is cut")


def config(activation: str = "quick_gelu") -> dict[str, Any]:
    """As transformers' config.json."""

    def sizes(tower: str) -> dict[str, Any]:
        return {
            "hidden_size": WIDTHS[tower],
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "intermediate_size": 4 * WIDTHS[tower],
            "hidden_act": activation,
        }

    return {
        "model_type": "clip",
        "projection_dim": DIM,
        "vision_config": sizes("vision") | {"image_size": SIZE_PX, "patch_size": PATCH_PX},
        "text_config": sizes("text") | {"max_position_embeddings": LENGTH, "vocab_size": VOCAB},
    }


def make_tensors(seed: int = 0) -> Tensors:
    """Every tensor that transformers would save, and no other."""
    random = np.random.default_rng(seed)
    tensors: Tensors = {}

    def add(name: str, *shape: int, mean: float = 0.0, spread: float = 0.2) -> None:
        tensors[name] = (mean + spread * random.standard_normal(shape)).astype(np.float32)

    def norm(name: str, width: int) -> None:
        add(f"{name}.weight", width, mean=1.0)
        add(f"{name}.bias", width)

    for tower, width in WIDTHS.items():
        for number in range(LAYERS):
            block = f"{tower}_model.encoder.layers.{number}"
            for part in "qkv":
                add(f"{block}.self_attn.{part}_proj.weight", width, width)
                add(f"{block}.self_attn.{part}_proj.bias", width)
            add(f"{block}.self_attn.out_proj.weight", width, width)
            add(f"{block}.self_attn.out_proj.bias", width)
            norm(f"{block}.layer_norm1", width)
            norm(f"{block}.layer_norm2", width)
            add(f"{block}.mlp.fc1.weight", 4 * width, width)
            add(f"{block}.mlp.fc1.bias", 4 * width)
            add(f"{block}.mlp.fc2.weight", width, 4 * width)
            add(f"{block}.mlp.fc2.bias", width)
    vision, text = WIDTHS["vision"], WIDTHS["text"]
    add("vision_model.embeddings.class_embedding", vision)
    add(
        "vision_model.embeddings.patch_embedding.weight", vision, 3, PATCH_PX, PATCH_PX, spread=0.05
    )
    patches = (SIZE_PX // PATCH_PX) ** 2
    add("vision_model.embeddings.position_embedding.weight", patches + 1, vision)
    norm("vision_model.pre_layrnorm", vision)
    norm("vision_model.post_layernorm", vision)
    add("text_model.embeddings.token_embedding.weight", VOCAB, text)
    add("text_model.embeddings.position_embedding.weight", LENGTH, text)
    norm("text_model.final_layer_norm", text)
    add("visual_projection.weight", DIM, vision)
    add("text_projection.weight", DIM, text)
    tensors["logit_scale"] = np.array(4.6, np.float32)
    return tensors


def as_openclip(tensors: Tensors) -> Tensors:
    """The same by the names of OpenCLIP, query, key and value in one."""
    renamed: Tensors = {"attn_mask": np.zeros((LENGTH, LENGTH), np.float32)}
    places = {
        "vision_model.embeddings.class_embedding": "visual.class_embedding",
        "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
        "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "logit_scale": "logit_scale",
    }
    for name, tensor in tensors.items():
        if name in places:
            renamed[places[name]] = tensor
        elif name in ("visual_projection.weight", "text_projection.weight"):
            renamed["visual.proj" if name.startswith("v") else "text_projection"] = tensor.T.copy()
        elif ".k_proj." not in name and ".v_proj." not in name:
            new = name.replace("vision_model.", "visual.").replace("text_model.", "")
            for old, part in (
                ("encoder.layers.", "transformer.resblocks."),
                ("pre_layrnorm", "ln_pre"),
                ("post_layernorm", "ln_post"),
                ("final_layer_norm", "ln_final"),
                ("layer_norm", "ln_"),
                ("mlp.fc1", "mlp.c_fc"),
                ("mlp.fc2", "mlp.c_proj"),
                ("self_attn.q_proj.", "attn.in_proj_"),
                ("self_attn", "attn"),
            ):
                new = new.replace(old, part)
            if ".q_proj." in name:
                others = [tensors[name.replace("q_proj", f"{part}_proj")] for part in "kv"]
                tensor = np.concatenate([tensor, *others])
            renamed[new] = tensor
    return renamed


def openclip_config(activation: str = "quick_gelu") -> dict[str, Any]:
    """As open_clip_config.json."""
    return {
        "model_cfg": {
            "embed_dim": DIM,
            "quick_gelu": activation == "quick_gelu",
            "vision_cfg": {
                "image_size": SIZE_PX,
                "layers": LAYERS,
                "width": WIDTHS["vision"],
                "patch_size": PATCH_PX,
                "head_width": WIDTHS["vision"] // HEADS,
            },
            "text_cfg": {
                "context_length": LENGTH,
                "vocab_size": VOCAB,
                "width": WIDTHS["text"],
                "heads": HEADS,
                "layers": LAYERS,
            },
        },
        "preprocess_cfg": {"mean": MEAN, "std": STD},
    }


def safetensors_of(tensors: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """A file of github.com/huggingface/safetensors: length, JSON, numbers."""
    header: dict[str, Any] = {}
    body = b""
    for name, tensor in tensors.items():
        content = np.ascontiguousarray(tensor).tobytes()
        kind = {"float32": "F32", "float16": "F16", "int64": "I64"}[tensor.dtype.name]
        place = [len(body), len(body) + len(content)]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": place}
        body += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def save(
    folder: Path,
    tensors: Mapping[str, npt.NDArray[Any]] | None = None,
    activation: str = "quick_gelu",
) -> Path:
    """A folder as a checkpoint is published in; the safetensors file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(activation)))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *MERGES, ""]))
    file = folder / "model.safetensors"
    file.write_bytes(safetensors_of(make_tensors() if tensors is None else tensors))
    return file


def tokens_of(text: str) -> npt.NDArray[np.int32]:
    """(LENGTH,) of a text in lower case, without signs: the merges, applied one after another."""
    letters = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + place) for place in range(256 - len(letters))]
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    pieces += ["".join(merge.split()) for merge in MERGES]
    row = [VOCAB - 2]
    for word in text.split():
        parts = [*word[:-1], f"{word[-1]}</w>"]
        for first, second in (merge.split() for merge in MERGES):
            joined: list[str] = []
            for part in parts:
                if joined and (joined[-1], part) == (first, second):
                    joined[-1] += part
                else:
                    joined.append(part)
            parts = joined
        row += map(pieces.index, parts)
    row = [*row[: LENGTH - 1], VOCAB - 1]
    return np.array(row + [0] * (LENGTH - len(row)), np.int32)


# --- what it computes -----------------------------------------------------------------------------


def embed_image(tensors: Tensors, pixels: Floats, activation: str = "quick_gelu") -> Floats:
    """(s, s, 3) pixels 0…255 → (dim,)."""
    width, side = WIDTHS["vision"], SIZE_PX // PATCH_PX
    scaled = (pixels / 255 - np.array(MEAN)) / np.array(STD)
    patches = scaled.reshape(side, PATCH_PX, side, PATCH_PX, 3).transpose(0, 2, 4, 1, 3)
    kernel = tensors["vision_model.embeddings.patch_embedding.weight"].reshape(width, -1)
    tokens = patches.reshape(side * side, -1) @ kernel.T
    first = tensors["vision_model.embeddings.class_embedding"]
    x = np.vstack([first, tokens])
    x = x + tensors["vision_model.embeddings.position_embedding.weight"]
    x = _norm(tensors, "vision_model.pre_layrnorm", x)
    x = _blocks(tensors, "vision", x, np.zeros((len(x), len(x))), activation)
    pooled = _norm(tensors, "vision_model.post_layernorm", x[0])
    return np.asarray(tensors["visual_projection.weight"] @ pooled)


def embed_text(
    tensors: Tensors, row: npt.NDArray[np.int32], activation: str = "quick_gelu"
) -> Floats:
    """(length,) tokens → (dim,), of the place of the end, which has the highest number."""
    x = tensors["text_model.embeddings.token_embedding.weight"][row].astype(np.float64)
    x = x + tensors["text_model.embeddings.position_embedding.weight"]
    hidden = np.triu(np.full((len(x), len(x)), -np.inf), 1)
    x = _blocks(tensors, "text", x, hidden, activation)
    x = _norm(tensors, "text_model.final_layer_norm", x)
    return np.asarray(tensors["text_projection.weight"] @ x[row.argmax()])


def _blocks(tensors: Tensors, tower: str, x: Floats, mask: Floats, activation: str) -> Floats:
    width = x.shape[1] // HEADS
    for number in range(LAYERS):
        block = f"{tower}_model.encoder.layers.{number}"
        inside = _norm(tensors, f"{block}.layer_norm1", x)
        q, k, v = (_dense(tensors, f"{block}.self_attn.{part}_proj", inside) for part in "qkv")
        heads = []
        for head in range(HEADS):
            part = slice(head * width, (head + 1) * width)
            scores = q[:, part] @ k[:, part].T / np.sqrt(width) + mask
            weights = np.exp(scores - scores.max(axis=1, keepdims=True))
            heads.append(weights / weights.sum(axis=1, keepdims=True) @ v[:, part])
        x = x + _dense(tensors, f"{block}.self_attn.out_proj", np.hstack(heads))
        inside = _dense(tensors, f"{block}.mlp.fc1", _norm(tensors, f"{block}.layer_norm2", x))
        x = x + _dense(tensors, f"{block}.mlp.fc2", _ACTIVATIONS[activation](inside))
    return x


def _dense(tensors: Tensors, name: str, x: Floats) -> Floats:
    return np.asarray(x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"])


def _norm(tensors: Tensors, name: str, x: Floats) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    unit = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return np.asarray(unit * tensors[f"{name}.weight"] + tensors[f"{name}.bias"])


def _gelu(x: Floats) -> Floats:
    from math import erf

    return np.asarray(x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2)


def _quick_gelu(x: Floats) -> Floats:
    return np.asarray(x / (1 + np.exp(-1.702 * x)))


_ACTIVATIONS = {"gelu": _gelu, "quick_gelu": _quick_gelu}
