"""Writes dist/: the wheel and the sdist, and a wheel for each model in models/.

    python -m tools.release [--output dist] [MODEL.tflite …]

The same inputs give the same bytes, so whoever builds again can compare: every time is 1980, every
name is in order, and nothing says who built it. setuptools must be installed; nothing is fetched.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edge_app import VERSION
from edge_app.config import Config
from edge_app.errors import EdgeAppError
from edge_app.model.card import ModelCard
from edge_app.model.find import GROUP
from tools import manual

ROOT = Path(__file__).parent.parent
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "edge_app", "static")
EPOCH_S = 315_532_800  # 1980-01-01, the first moment that a zip file can name

LICENCES = {"MIT": "MIT", "Apache 2.0": "Apache-2.0"}  # what cards say, as SPDX names it

MODEL_PROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = {name}
version = {version}
description = {description}
readme = "README.md"
{licence}
[project.entry-points."{group}"]
{module} = "{module}"

[tool.setuptools]
packages = ["{module}"]

[tool.setuptools.package-data]
{module} = ["*"]
"""

MODEL_README = """# {name}

A model for Lookalike, the image-similarity gallery: install it beside the program, and the program
finds it.

- File: `{file}`, SHA-256 `{sha256}`
- Weights: {weights}
- Licence of the weights: {licence}

The `.json` file beside it is its card: how pixels go in, and what comes out.
"""


def main() -> int:
    """Build everything, then put it into the output folder at once."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL.tflite")
    parser.add_argument("--output", type=Path, default=Path("dist"), metavar="DIR")
    options = parser.parse_args()
    models = options.models or models_in(ROOT / Config().model.parent)
    try:
        built = release(options.output, models)
    except EdgeAppError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for path in built:
        print(f"{path}  {path.stat().st_size:,} bytes")
    if not models:
        print("models/ has no model, so dist/ has none: make one with `make model`")
    return 0


def release(output: Path, models: Sequence[Path]) -> list[Path]:
    """Build the package and a package for each model; the files that are now in `output`, where
    they take the place of an earlier release."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "dist"
        built.mkdir()
        build_package(Path(folder) / "package", built)
        for number, model in enumerate(models):
            build_model(model, Path(folder) / f"model{number}", built)
        output.mkdir(parents=True, exist_ok=True)
        for pattern in ("lookalike-*.whl", "lookalike-*.tar.gz", "lookalike_model_*.whl"):
            for old in output.glob(pattern):
                old.unlink()
        return [Path(shutil.move(path, output / path.name)) for path in sorted(built.iterdir())]


def models_in(folder: Path) -> list[Path]:
    """Every model of a folder that has a card."""
    return sorted(path for path in folder.glob("*.tflite") if path.with_suffix(".json").exists())


def build_package(work: Path, output: Path) -> None:
    """Put wheel and sdist of this checkout into `output`; `work` is a new folder."""
    for name in SOURCES:
        source, copy = ROOT / name, work / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "images")
            shutil.copytree(source, copy, ignore=ignored)
        else:
            shutil.copy(source, copy)
    (work / "man").mkdir()
    (work / "man/lookalike.1").write_text(manual.page())
    with (work / "pyproject.toml").open("a") as project:  # a checkout has no manual page
        project.write('\n[tool.setuptools.data-files]\n"share/man/man1" = ["man/lookalike.1"]\n')
    _run("build_sdist", work, output)
    for sdist in output.glob("*.tar.gz"):
        sdist.write_bytes(without_circumstances(sdist.read_bytes()))
    _run("build_wheel", work, output)


def build_model(model: Path, work: Path, output: Path) -> None:
    """Put a wheel of a model, its card and what else has its name into `output`."""
    card = ModelCard.load(model)
    name = f"lookalike-model-{model.stem.lower().replace('_', '-').replace('.', '-')}"
    module = name.replace("-", "_")
    package = work / module
    package.mkdir(parents=True)
    for path in sorted(model.parent.glob(f"{model.stem}.*")):
        shutil.copy(path, package)
    (package / "__init__.py").write_text(f'"""The model {model.stem}; the program reads it."""\n')
    spdx = LICENCES.get(card.weights_licence)
    (work / "pyproject.toml").write_text(
        MODEL_PROJECT.format(
            name=json.dumps(name),
            version=json.dumps(VERSION),
            description=json.dumps(f"The model {model.stem} for Lookalike"),
            licence=f"license = {json.dumps(spdx)}\n" if spdx else "",
            group=GROUP,
            module=module,
        )
    )
    (work / "README.md").write_text(
        MODEL_README.format(
            name=name,
            file=model.name,
            sha256=card.sha256,
            weights=card.weights,
            licence=card.weights_licence,
        )
    )
    _run("build_wheel", work, output)


def _run(hook: str, work: Path, output: Path) -> None:
    """Call a hook of the build backend (PEP 517), in a process of its own."""
    for path in sorted(work.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (EPOCH_S, EPOCH_S))
    code = f"import setuptools.build_meta as backend; backend.{hook}({str(output)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=work,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(EPOCH_S)},
        capture_output=True,
        text=True,
        umask=0o022,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise EdgeAppError(f"setuptools could not build {work.name}: {reason}")


def without_circumstances(sdist: bytes) -> bytes:
    """The same archive, its members in order, of nobody and of 1980."""
    content = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(sdist)) as old,
        tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            file = old.extractfile(member) if member.isfile() else None
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = EPOCH_S
            member.mode = 0o644 if member.isfile() else 0o755
            member.pax_headers = {}
            new.addfile(member, file)
    return gzip.compress(content.getvalue(), mtime=0)


if __name__ == "__main__":
    sys.exit(main())
