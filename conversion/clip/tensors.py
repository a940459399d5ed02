"""The tensors of a CLIP checkpoint, by the names that Hugging Face's transformers give them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_app.errors import ModelError

Tensors = dict[str, npt.NDArray[np.float32]]

# Counted upwards from 0 in every checkpoint that has them, as the network here does by itself.
COUNTED = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")
# What no tower needs: OpenCLIP keeps the mask that hides later words.
UNUSED = ("attn_mask", "input_resolution", "context_length", "vocab_size")

_OPENCLIP = {
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.proj": "visual_projection.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "text_projection": "text_projection.weight",
    "logit_scale": "logit_scale",
}
_OPENCLIP_PARTS = (
    (r"^visual\.transformer\.resblocks\.", "vision_model.encoder.layers."),
    (r"^transformer\.resblocks\.", "text_model.encoder.layers."),
    (r"^visual\.ln_pre\.", "vision_model.pre_layrnorm."),  # so misspelt in transformers
    (r"^visual\.ln_post\.", "vision_model.post_layernorm."),
    (r"^ln_final\.", "text_model.final_layer_norm."),
    (r"\.ln_([12])\.", r".layer_norm\1."),
    (r"\.attn\.out_proj\.", ".self_attn.out_proj."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
)


def read_tensors(path: Path) -> Tensors:
    """All tensors of a safetensors file as float32; ModelError says what is wrong with it."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise ModelError(f"safetensors can't be imported ({error}); `make model` has it") from None
    tensors: dict[str, npt.NDArray[Any]] = {}
    try:
        with safe_open(path, framework="numpy") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dictionary)
                tensors[name] = file.get_tensor(name)
    except (SafetensorError, OSError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} can't be read as safetensors: {_first_line(error)}") from None
    for name in COUNTED:
        counted = tensors.pop(name, None)
        if counted is not None and not np.array_equal(counted.ravel(), np.arange(counted.size)):
            raise ModelError(f"{path}: {name} does not count from 0 upwards")
    tensors = {name: tensor for name, tensor in tensors.items() if name not in UNUSED}
    floats = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    bad = next((name for name, tensor in floats.items() if not np.isfinite(tensor).all()), None)
    if bad:
        raise ModelError(f"{path}: {bad} has NaN or infinite numbers")
    return _renamed(floats) if "visual.conv1.weight" in floats else floats


def _renamed(tensors: Tensors) -> Tensors:
    """From OpenCLIP's names, where query, key and value are one tensor and projections lie."""
    renamed: Tensors = {}
    for name, tensor in tensors.items():
        new = _OPENCLIP.get(name, name)
        for pattern, part in _OPENCLIP_PARTS if new == name else ():
            new = re.sub(pattern, part, new)
        joint = re.fullmatch(r"(.*)\.attn\.in_proj_(weight|bias)", new)
        if joint:
            for letter, third in zip("qkv", np.split(tensor, 3), strict=True):
                renamed[f"{joint[1]}.self_attn.{letter}_proj.{joint[2]}"] = third
        else:
            renamed[new] = tensor.T if new.endswith("_projection.weight") else tensor
    return renamed


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
