"""CLIP in Keras, from keras-hub, with every tensor of a checkpoint in its place."""

from __future__ import annotations

import logging
import os
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from conversion.clip.shapes import Shape, Tower
from conversion.clip.tensors import Tensors
from edge_app.errors import ModelError

NORM_EPSILON = 1e-5  # of all of CLIP's layers


class Towers(NamedTuple):
    """Two Keras models that embed into the same (dim,) numbers, one picture or text at a time."""

    image: Any  # (1, size, size, 3) float32 pixels 0…255
    text: Any  # (1, length) int32 tokens
    logit_scale: float  # cosines times this are what the network was trained to compare


def make_towers(shape: Shape, tensors: Tensors | None) -> Towers:
    """Both towers; without tensors their weights are random, the same every time.

    ModelError where a tensor is missing, has another shape, or is left over.
    """
    backbone = _make_backbone(shape)
    if tensors is not None:
        _assign(backbone, dict(tensors))
    import keras

    pixels = keras.Input((shape.size_px, shape.size_px, 3), 1, "float32", name="pixels")
    mean, std = (np.array(value, np.float32) * 255 for value in (shape.mean, shape.std))
    centred = keras.layers.Rescaling(1.0, offset=-mean)(pixels)
    scaled = keras.layers.Rescaling(1 / std)(centred)
    tokens = keras.Input((shape.length,), 1, "int32", name="tokens")
    return Towers(
        keras.Model(pixels, backbone.get_vision_embeddings(scaled)),
        keras.Model(tokens, backbone.get_text_embeddings(tokens)),
        float(np.exp(backbone.clip_head.logit_scale.numpy())),
    )


def _make_backbone(shape: Shape) -> Any:
    """keras-hub's network with random weights; what it sets differently than CLIP is put right."""
    try:
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        import keras
        import keras_hub
    except ImportError as error:
        raise ModelError(f"keras-hub can't be imported ({error}); `make model` has it") from None
    logging.getLogger("absl").setLevel(logging.ERROR)
    keras.utils.set_random_seed(0)

    def sizes(tower: Tower) -> dict[str, Any]:
        return {
            "hidden_dim": tower.width,
            "num_layers": tower.layers,
            "num_heads": tower.heads,
            "intermediate_dim": tower.inner,
            "intermediate_activation": shape.activation,
        }

    text = keras_hub.models.CLIPTextEncoder(
        vocabulary_size=shape.vocab,
        embedding_dim=shape.text.width,
        max_sequence_length=shape.length,
        **sizes(shape.text),
    )
    text.layer_norm.epsilon = NORM_EPSILON  # keras-hub has 1e-6 there
    image = keras_hub.models.CLIPVisionEncoder(
        patch_size=shape.patch_px,
        image_shape=(shape.size_px, shape.size_px, 3),
        **sizes(shape.image),
    )
    positions = image.embedding.position_ids  # all zero to begin with, and nothing complains
    positions.assign(np.arange(positions.shape[1])[np.newaxis])
    return keras_hub.models.CLIPBackbone(image, text, projection_dim=shape.dim)


def _assign(backbone: Any, left: Tensors) -> None:
    """Set every variable of the backbone; all tensors are taken from `left`."""
    done = {id(backbone.vision_encoder.embedding.position_ids)}

    def put(variable: Any, name: str, tensor: npt.NDArray[np.float32]) -> None:
        if tensor.size != np.prod(variable.shape, dtype=int):
            raise ModelError(
                f"the checkpoint doesn't fit: {name} has {tensor.size} numbers, "
                f"{tuple(variable.shape)} is needed; check --arch"
            )
        variable.assign(tensor.reshape(variable.shape))
        done.add(id(variable))

    def take(name: str, *shape: int) -> npt.NDArray[np.float32]:
        tensor = left.pop(name, None)
        if tensor is None or tensor.shape != shape:
            found = "is missing" if tensor is None else f"has shape {tensor.shape}"
            raise ModelError(
                f"the checkpoint doesn't fit: {name} {found}, {shape} is needed; check --arch"
            )
        return tensor

    def dense(layer: Any, name: str, inputs: int, outputs: int) -> None:
        put(layer.kernel, name, take(f"{name}.weight", outputs, inputs).T)
        if getattr(layer, "bias", None) is not None:
            put(layer.bias, name, take(f"{name}.bias", outputs))

    def norm(layer: Any, name: str, width: int) -> None:
        put(layer.gamma, name, take(f"{name}.weight", width))
        put(layer.beta, name, take(f"{name}.bias", width))

    def blocks(encoder: Any, prefix: str) -> None:
        width, inner = encoder.hidden_dim, encoder.intermediate_dim
        for number, block in enumerate(encoder.encoder_layers):
            name, attention = f"{prefix}.encoder.layers.{number}", block.attention
            norm(block.layer_norm_1, f"{name}.layer_norm1", width)
            norm(block.layer_norm_2, f"{name}.layer_norm2", width)
            dense(attention.query_dense, f"{name}.self_attn.q_proj", width, width)
            dense(attention.key_dense, f"{name}.self_attn.k_proj", width, width)
            dense(attention.value_dense, f"{name}.self_attn.v_proj", width, width)
            dense(attention.output_dense, f"{name}.self_attn.out_proj", width, width)
            dense(block.dense_1, f"{name}.mlp.fc1", width, inner)
            dense(block.dense_2, f"{name}.mlp.fc2", inner, width)

    image, text, dim = backbone.vision_encoder, backbone.text_encoder, backbone.projection_dim
    inside, patch_px = "vision_model.embeddings", image.patch_size
    embedding, width = image.embedding, image.hidden_dim
    put(embedding.class_embedding, inside, take(f"{inside}.class_embedding", width))
    patches = take(f"{inside}.patch_embedding.weight", width, 3, patch_px, patch_px)
    put(embedding.patch_embedding.kernel, inside, patches.transpose(2, 3, 1, 0))
    places = take(f"{inside}.position_embedding.weight", embedding.num_positions, width)
    put(embedding.position_embedding.embeddings, inside, places)
    norm(image.pre_layer_norm, "vision_model.pre_layrnorm", width)
    blocks(image, "vision_model")
    norm(image.layer_norm, "vision_model.post_layernorm", width)
    dense(backbone.vision_projection, "visual_projection", width, dim)

    inside, embedding, width = "text_model.embeddings", text.embedding, text.hidden_dim
    words = take(f"{inside}.token_embedding.weight", text.vocabulary_size, width)
    put(embedding.token_embedding.embeddings, inside, words)
    places = take(f"{inside}.position_embedding.weight", text.max_sequence_length, width)
    put(embedding.position_embedding.position_embeddings, inside, places)
    blocks(text, "text_model")
    norm(text.layer_norm, "text_model.final_layer_norm", width)
    dense(backbone.text_projection, "text_projection", width, dim)
    put(backbone.clip_head.logit_scale, "logit_scale", take("logit_scale"))

    if left:
        raise ModelError(
            f"the checkpoint doesn't fit: nothing here uses {min(left)}, and {len(left) - 1} "
            "other tensors; check --arch"
        )
    missed = [variable.path for variable in backbone.weights if id(variable) not in done]
    if missed:
        raise ModelError(f"no tensor of the checkpoint is for {', '.join(missed)}")
