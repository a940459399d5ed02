"""bench: the figures there should be, of images and an index that are made up where there are none.

How large the figures are is not tested: that depends on the machine and what else it does.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_app.bench import indexing as benchindex
from edge_app.bench import serving as benchserve
from edge_app.bench.board import this_board
from edge_app.bench.photos import make_photos, make_thumbnail
from edge_app.bench.subjects import SUBJECTS
from edge_app.bench.vectors import clustered, make_index
from edge_app.cli.arguments import main
from edge_app.cli.options import BENCHED
from edge_app.config import Config, MiB
from edge_app.errors import DiskFullError, LibraryError
from edge_app.index.read.reader import Reader
from edge_app.search.vectors.products import kernel
from tools.testing.pictures import save

SMALL_PX = (400, 300)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Five pictures and a file that is none."""
    root = tmp_path / "library"
    for seed in range(5):
        save(root / f"{seed}.jpg", seed)
    (root / "broken.jpg").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 images that nobody took."""
    index = tmp_path_factory.mktemp("made-up") / "index"
    make_index(index, clustered(30, 64), make_thumbnail())
    return index


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


# --- what is made up ------------------------------------------------------------------------------


def test_the_command_offers_the_subjects_there_are() -> None:
    assert tuple(SUBJECTS) == BENCHED


def test_photos_are_jpegs_with_bytes_of_their_own(tmp_path: Path) -> None:
    make_photos(tmp_path, 6, SMALL_PX)
    files = sorted(files_below(tmp_path))
    assert len({file.read_bytes() for file in files}) == 6
    for file in files:
        with Image.open(file) as image:
            image.load()
            assert (image.format, image.size) == ("JPEG", SMALL_PX)


def test_photos_are_the_same_in_every_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_photos(tmp_path / name, 2, SMALL_PX)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_more_photos_than_the_disk_holds_are_refused_before_the_first(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError, match=r"MiB free; use fewer photos \(--count\)"):
        make_photos(tmp_path, 10**9)
    assert not files_below(tmp_path)


def test_an_index_holds_the_rows_it_was_made_of(tmp_path: Path) -> None:
    vectors = clustered(20, 64)
    make_index(tmp_path / "index", vectors, b"thumbnail")
    with Reader(tmp_path / "index") as reader:
        snapshot = reader.snapshot()
        assert np.array_equal(snapshot.vectors, vectors)
        assert reader.thumbnail(1)[0] == b"thumbnail"
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


# --- the report ----------------------------------------------------------------------------------

MEMINFO = "MemTotal:        3884344 kB\nMemFree: 1 kB\n"


def pretend(root: Path, files: dict[str, str]) -> Path:
    """A root that holds these files."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_a_board_is_named_as_its_maker_and_its_system_name_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    files = {
        "proc/cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\nCPU part\t: 0xd0b\n",
        "proc/meminfo": MEMINFO,
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        "etc/os-release": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    }
    board = this_board(pretend(tmp_path, files))
    assert board.name == "Raspberry Pi 5 Model B Rev 1.0"
    assert board.memory_bytes == 3884344 * 1024
    assert board.system.startswith("Debian GNU/Linux 12 (bookworm), Linux ")
    assert board.system.endswith(", aarch64")
    assert not board.emulated


def test_an_emulated_processor_is_told_by_the_one_beneath(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = "vendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Processor @ 2.60GHz\n"
    root = pretend(tmp_path, {"proc/cpuinfo": cpuinfo, "proc/meminfo": MEMINFO})
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert this_board(root).emulated
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert not this_board(root).emulated
    assert this_board(root).name == "Intel(R) Xeon(R) Processor @ 2.60GHz"


@pytest.mark.model
def test_bench_alone_prints_a_table_to_be_posted(
    library: Path, index: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--gallery", str(library), "--index", str(index), "--model", str(model)]
    assert main(["bench", *options]) == 0
    heading, rule, *lines = capsys.readouterr().out.splitlines()
    assert (heading, rule) == ("| | |", "|---|---|")
    rows = dict(line.strip("| ").split(" | ") for line in lines)
    assert list(rows) == [
        "board", "cores, memory", "system", "software", "model", "photos", "indexing",
        "memory of indexing", "searching 30 × 64", "measured",
    ]  # fmt: skip
    assert rows["photos"].startswith("5, from a photo folder, ")
    assert " images/s** with " in rows["indexing"]
    assert rows["searching 30 × 64"].endswith(f" in 95 %), {kernel()}")


# --- index ----------------------------------------------------------------------------------------


@pytest.mark.model
def test_an_index_run_is_measured_as_a_whole_and_by_its_stages(library: Path, model: Path) -> None:
    before = files_below(library)
    figures = benchindex.measure(Config(gallery=library, model=model, workers=1, threads=2))
    assert (figures.images, figures.workers, figures.threads) == (5, 1, 2)
    assert list(figures.stages) == ["scan", "decode", "embed", "commit"]
    assert all(stage.wall_ms > 0 for stage in figures.stages.values())
    assert math.isclose(figures.images_per_s, 5 / figures.seconds, rel_tol=0.01)
    assert 0 < figures.efficiency < 1.5
    assert figures.peak_memory_bytes > 20 * MiB
    assert files_below(library) == before


@pytest.mark.model
def test_a_library_without_images_gives_nothing_to_measure(tmp_path: Path, model: Path) -> None:
    (tmp_path / "library").mkdir()
    with pytest.raises(LibraryError, match="no readable image in"):
        benchindex.measure(Config(gallery=tmp_path / "library", model=model))


@pytest.mark.model
def test_bench_index_leaves_the_index_there_is_alone(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--gallery", str(library), "--index", str(tmp_path / "index"), "--model", str(model)]
    assert main(["bench", "index", *options, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["images"] == 5
    assert figures["stages"]["decode"].keys() == {"wall_ms", "cpu_ms"}
    assert not (tmp_path / "index").exists()


# --- search ---------------------------------------------------------------------------------------


def test_bench_search_measures_the_index_there_is(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "search", "--index", str(index), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["recall"], found["kernel"]) == (30, 1.0, kernel())


def test_bench_search_makes_an_index_up_where_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--index", str(tmp_path / "none"), "--rows", "50", "--dim", "32"]
    assert main(["bench", "search", *options]) == 0
    heading, _, columns, figures = capsys.readouterr().out.splitlines()
    assert heading.startswith("50 rows of 32 numbers")
    assert columns.split() == ["p50", "ms", "p95", "ms", "MB", "touched", "recall"]
    assert figures.split()[-1] == "1.0000"
    assert not (tmp_path / "none").exists()


# --- serve ----------------------------------------------------------------------------------------


def test_a_server_is_measured_over_real_connections(index: Path) -> None:
    figures = benchserve.measure(Config(index=index), connections=4, seconds=0.2)
    assert (figures.rows, figures.dim) == (30, 64)
    assert (figures.thumbnails.connections, figures.thumbnails.failed) == (4, 0)
    assert figures.thumbnails.p99_ms >= figures.thumbnails.p50_ms > 0
    assert figures.similar.failed == 0
    assert figures.similar.requests_per_s > 0
    assert figures.scans_per_s > 0


def test_requests_that_are_refused_count_as_failed(index: Path) -> None:
    with benchserve.serving(index) as port:
        load = benchserve.load(port, "/thumbs/{}", [999], connections=3, seconds=0.1)
    assert load.failed == 3
    assert load.requests_per_s == 0


def test_bench_serve_prints_a_table(index: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--index", str(index), "--connections", "2", "--seconds", "0.1"]
    assert main(["bench", "serve", *options]) == 0
    table = capsys.readouterr().out
    assert "requests/s" in table
    assert "bare scans" in table
