"""The checkpoint that --weights means: an official one by its name, or a file or folder."""

from __future__ import annotations

import hashlib
import re
import shutil
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from conversion.clip.shapes import Network, Shape, read_shape
from conversion.wheels import CACHE
from edge_app.errors import ModelError, UsageError

HUB = "https://huggingface.co"
TIMEOUT_S = 30.0  # for an answer to begin, and between its parts
POINTER = re.compile(rb"^oid sha256:([0-9a-f]{64})$", re.MULTILINE)  # of a file in Git LFS
SUFFIX = ".safetensors"


class Official(NamedTuple):
    """One published checkpoint, at one revision of its repository.

    sha256: None where it was not known when this was written; then the publisher's own list of that
    revision says it, and the card records what was used.
    activation: None: its config.json says it, and is fetched too.
    """

    repository: str
    revision: str
    file: str
    sha256: str | None
    about: str
    licence: str
    activation: str | None = None

    @property
    def url(self) -> str:
        return f"{HUB}/{self.repository}/resolve/{self.revision}/{self.file}"


# Hashes: each named alike by several public projects that pin these files. Licences: the model
# cards of these repositories (license: mit); OpenAI's card has none, its repository has MIT.
OFFICIAL = {
    "laion2b": Official(
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        "1a25a446712ba5ee05982a381eed697ef9b435cf",
        "open_clip_model.safetensors",
        "ac4f8c4b88af6d963118cbf40ad93176d092abbedfcb752601ae1866352656e6",
        "trained on LAION-2B",
        "MIT (model card)",
        "gelu",
    ),
    "datacomp": Official(
        "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        "f0e2ffa09cbadab3db6a261ec1ec56407ce42912",
        "open_clip_model.safetensors",
        "3c00043509d2e3f35ec62bd85a643a393883dcda624d8208d034cc390c708297",
        "trained on DataComp-1B",
        "MIT (model card)",
        "gelu",
    ),
    "openai": Official(
        "openai/clip-vit-base-patch32",
        "d15b5f29721ca72dac15f8526b284be910de18be",
        "model.safetensors",
        None,
        "trained by OpenAI on 400 million pairs",
        "MIT (github.com/openai/CLIP; the model card names none)",
        "quick_gelu",
    ),
    "tinyclip": Official(
        "wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M",
        "a2a8c6eaa2549ad66eb7c31b85022bf58273a26c",
        "model.safetensors",
        "9339ee3d736344d0ddcaa6c03edc9f89688f08caaea5401220885233da726fcc",
        "distilled from CLIP on YFCC-15M",
        "MIT (model card, and github.com/microsoft/Cream)",
    ),
}


class Checkpoint(NamedTuple):
    """A checkpoint on the disk, and what the card says of it.

    file: None for random weights, which have no checkpoint.
    """

    file: Path | None
    shape: Shape
    source: str
    licence: str
    sha256: str | None = None
    official: bool = False


def find_checkpoint(choice: str, network: Network, say: Callable[[str], None]) -> Checkpoint:
    """The checkpoint of `choice`: "auto", "random", a name of OFFICIAL, a file or a folder."""
    if choice == "random":
        if network.shape is None:
            raise UsageError("--weights random: --arch clip has no sizes without a checkpoint")
        shape = network.shape._replace(activation=network.shape.activation or "quick_gelu")
        return Checkpoint(None, shape, f"{network.title}, untrained: random numbers", "none needed")
    name = choice
    if choice == "auto":
        if not network.weights:
            raise UsageError(
                f"--weights: no official weights of {network.title} are known; give the "
                "safetensors file, or the folder it is in"
            )
        name = network.weights[0]
    if name in OFFICIAL:
        if name not in network.weights:
            known = ", ".join(network.weights) or "none"
            raise UsageError(f"--weights {name} is not of {network.title}; known for it: {known}")
        return _official(name, network, say)
    return _local(Path(choice), network)


def _official(name: str, network: Network, say: Callable[[str], None]) -> Checkpoint:
    official = OFFICIAL[name]
    folder = CACHE / f"{name}-{official.revision[:12]}"
    file = folder / official.file
    sha256 = official.sha256 or _published_hash(official)
    if not file.is_file():
        say(f"downloading {official.url}")
        _download(official.url, file, sha256)
    elif _hash(file) != sha256:
        raise ModelError(f"{file} has another SHA-256 than {sha256}; remove it to download it")
    if official.activation is None and not (folder / "config.json").is_file():
        url = f"{HUB}/{official.repository}/resolve/{official.revision}/config.json"
        _download(url, folder / "config.json", None)
    shape = _shape(file, network, official.activation)
    source = (
        f"{network.title} {official.about}: {official.file} of {official.repository}, revision "
        f"{official.revision[:12]}, SHA-256 {sha256}"
    )
    return Checkpoint(file, shape, source, official.licence, sha256, official=True)


def _local(path: Path, network: Network) -> Checkpoint:
    file = path
    if path.is_dir():
        found = sorted(path.glob(f"*{SUFFIX}"))
        if len(found) != 1:
            names = ", ".join(file.name for file in found) or "none"
            raise ModelError(f"--weights {path} has {names} as {SUFFIX} file; give the file itself")
        (file,) = found
    if not file.is_file():
        known = ", ".join(("auto", "random", *network.weights))
        raise ModelError(f"--weights {path}: no such file or folder, and not one of {known}")
    sha256 = _hash(file)
    source = f"file {file.name}, SHA-256 {sha256}"
    return Checkpoint(file, _shape(file, network), source, "that of the file, not known", sha256)


def _shape(file: Path, network: Network, activation: str | None = None) -> Shape:
    """As the network is, and as what lies beside the file says; the two must agree."""
    said = read_shape(file.parent)
    shape = network.shape
    if said is None:
        if shape is None or (activation or shape.activation) is None:
            raise ModelError(
                f"{file.parent} has no config.json or open_clip_config.json; copy that of the "
                "checkpoint there: heads and activation can't be seen from its tensors"
            )
        return shape._replace(activation=activation or shape.activation)
    if shape is not None:
        expected = shape._replace(activation=said.activation, mean=said.mean, std=said.std)
        differing = [
            f"{field} is {getattr(said, field)}, not {getattr(expected, field)}"
            for field in Shape._fields
            if getattr(said, field) != getattr(expected, field)
        ]
        if differing:
            raise ModelError(
                f"the checkpoint {file} is not a {network.title}: {'; '.join(differing)}; "
                "--arch clip takes what config.json says"
            )
    return said


def _published_hash(official: Official) -> str:
    """What the publisher's repository lists for this file at this revision."""
    url = f"{HUB}/{official.repository}/raw/{official.revision}/{official.file}"
    found = POINTER.search(_fetched(url, 1024))
    if not found:
        raise ModelError(f"{url} does not list a SHA-256")
    return found[1].decode()


def _download(url: str, target: Path, sha256: str | None) -> None:
    """Into the cache, complete and with the right hash, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        with _opened(url) as answer, open(part, "wb") as file:
            shutil.copyfileobj(answer, file)
        if sha256 and _hash(part) != sha256:
            raise ModelError(f"{url} has another SHA-256 than {sha256}; nothing is kept")
        part.replace(target)
    except OSError as error:
        raise _unreachable(url, error, target, sha256) from None
    finally:
        part.unlink(missing_ok=True)


def _fetched(url: str, most_bytes: int) -> bytes:
    try:
        with _opened(url) as answer:
            return bytes(answer.read(most_bytes))
    except OSError as error:
        raise _unreachable(url, error) from None


def _opened(url: str) -> urllib.response.addinfourl:
    answer: urllib.response.addinfourl = urllib.request.urlopen(url, timeout=TIMEOUT_S)
    return answer


def _unreachable(
    url: str, error: OSError, target: Path | None = None, sha256: str | None = None
) -> ModelError:
    reason = getattr(error, "reason", None) or error.strerror or error
    checked = f", with SHA-256 {sha256}" if sha256 else ""
    bring = (
        f"; bring that file and copy it to {target}{checked}"
        if target
        else "; bring the checkpoint and its config.json, and name it with --weights"
    )
    return ModelError(f"{url} can't be downloaded ({reason}){bring}")


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
