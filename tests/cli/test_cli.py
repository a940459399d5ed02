"""cli: the commands as a user types them, and one clear line for everything that can go wrong."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_app.cli.arguments import main, make_parser
from edge_app.cli.limits import limits_of
from edge_app.config import INDEXING_LIMITS, Config, Limits, options_of
from edge_app.index.read.reader import Reader
from tests.conftest import ROOT
from tools.testing.command import serving
from tools.testing.hurried import PROGRAM
from tools.testing.pictures import picture, save
from tools.testing.waiting import PROGRAM_S, until

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures in two folders, two of them nearly the same."""
    root = tmp_path_factory.mktemp("library")
    for seed in range(4):
        save(root / f"2019/{seed}.png", seed)
    save(root / "2020/a.jpg", 10)
    save(root / "2020/b.jpg", 10, width_px=90, height_px=60)
    return root


@pytest.fixture(scope="module")
def index(library: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    index = tmp_path_factory.mktemp("index")
    assert run("index", "--gallery", library, "--index", index, "--model", model)[0] == 0
    return index


def run(*arguments: object, cwd: Path = ROOT) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command, in a process of its own."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PROGRAM_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def error_line(stderr: str) -> str:
    """The one line of an error; a traceback or a second line fails."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def test_index_ends_with_its_report(library: Path, model: Path, tmp_path: Path) -> None:
    code, out, _ = run(
        "index", "--gallery", library, "--index", tmp_path, "--model", model, "--json"
    )
    *progress, report = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert report["added"] == 6
    assert {
        "added",
        "updated",
        "removed",
        "rejected",
        "unchanged",
        "seconds",
        "images_per_s",
    } <= report.keys()
    assert progress[-1]["progress"]["done"] == 6


def test_index_says_nothing_on_standard_error_off_a_terminal(
    library: Path, index: Path, model: Path
) -> None:
    code, out, err = run("index", "--gallery", library, "--index", index, "--model", model)
    assert code == 0
    assert "6 unchanged" in out
    assert err == ""


def test_search_gives_the_ids_and_scores_of_a_brute_force(
    library: Path, index: Path, model: Path
) -> None:
    with Reader(index) as reader:
        snapshot = reader.snapshot()
        path = reader.image(int(snapshot.ids[0])).path
    vectors = np.array(snapshot.vectors, np.float64)
    scores = vectors @ vectors[0]
    order = [row for row in np.lexsort((snapshot.ids, -scores)) if row != 0]
    where = ["--gallery", library, "--index", index, "--model", model]
    code, out, _ = run("search", library / path, *where, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["query"] == str(library / path)
    assert [match["id"] for match in answer["matches"]] == snapshot.ids[order].tolist()
    assert np.allclose([m["score"] for m in answer["matches"]], scores[order], atol=1e-5)


def test_duplicates_are_listed_for_people_and_for_programs(index: Path) -> None:
    code, out, errors = run("duplicates", "--index", index, "--min-score", "0.9")
    assert code == 0, errors
    headings = [line for line in out.splitlines() if not line.startswith("  ")]
    lines = [line for line in out.splitlines() if line.startswith("  ")]
    assert set(headings) <= {"identical files:", "the same picture:", "alike:"}
    assert all(" bytes)" in line for line in lines)
    copies = len(headings) - headings.count("alike:")
    assert sum("  keep: " in line for line in lines) == copies
    paths = [line.split()[1] for line in lines]
    assert {"2020/a.jpg", "2020/b.jpg"} <= set(paths)
    code, out, _ = run("duplicates", "--index", index, "--min-score", "0.9", "--json")
    groups = list(map(json.loads, out.splitlines()))
    assert [image["path"] for group in groups for image in group["images"]] == paths
    for kind in ("identical", "same", "alike"):
        code, out, _ = run("duplicates", "--index", index, "--kind", kind, "--json")
        assert code == 0
        assert list(map(json.loads, out.splitlines())) == [g for g in groups if g["kind"] == kind]
    code, _, errors = run("duplicates", "--index", index, "--kind", "equal")
    assert (code, "invalid choice: 'equal'" in errors) == (2, True)


def test_a_dismissal_by_names_and_taken_back(library: Path, index: Path) -> None:
    pair = [library / "2020/a.jpg", "2020/b.jpg"]  # a file, and a path of the index
    where = ["--index", index, "--min-score", "0.95"]
    before = run("duplicates", *where)[1]
    assert "2020/a.jpg" in before
    code, out, _ = run("duplicates", *where, "--dismiss", *pair)
    assert (code, out) == (0, "no longer shown as duplicates: 1 pair\n")
    assert "2020/a.jpg" not in run("duplicates", *where)[1]
    code, out, _ = run("duplicates", *where, "--json", "--restore", *pair)
    assert (code, json.loads(out)) == (0, {"restored": 1})
    assert run("duplicates", *where)[1] == before
    code, _, errors = run("duplicates", *where, "--dismiss", "2020/a.jpg", "none.jpg")
    assert (code, errors.strip()) == (
        2, "error: none.jpg is neither an indexed file nor the path of an image",
    )  # fmt: skip


def test_marks_are_put_taken_off_and_listed_in_three_forms(index: Path) -> None:
    where = ["duplicates", "--index", index]
    code, out, _ = run(*where, "--mark", "2020/b.jpg", "2020/a.jpg")
    assert (code, out) == (0, "marked to be moved away: 2 images\n")
    assert run(*where, "--marked")[1] == "2020/a.jpg\n2020/b.jpg\n"
    told = json.loads(run(*where, "--marked", "--json")[1])
    assert [image["path"] for image in told["items"]] == ["2020/a.jpg", "2020/b.jpg"]
    assert told["bytes"] == sum(image["bytes"] for image in told["items"])
    script = run(*where, "--marked", "script")[1]
    assert "mv -n -- './2020/a.jpg' 'lookalike-moved/2020/a.jpg'\n" in script
    assert json.loads(run(*where, "--json", "--unmark", "2020/a.jpg")[1]) == {"unmarked": 1}
    assert run(*where, "--marked")[1] == "2020/b.jpg\n"
    run(*where, "--unmark", "2020/b.jpg")
    assert run(*where, "--marked")[1] == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "jpg"], "no image has the format JPG; those of the index are PNG, JPEG"),
        (["--format", "PNG,GIF"], "no image has the format GIF"),
        (["--folder", "Nope"], "no image is there; folders of the index: 2019, 2020"),
        (["--folder", "202"], "no image is there; did you mean 2020"),
    ],
)
def test_a_filter_that_nothing_fits_says_what_there_is(
    library: Path, index: Path, options: list[str], said: str
) -> None:
    code, out, errors = run(
        "search", "2019/0.png", "--gallery", library, "--index", index, *options
    )
    assert (code, out) == (2, "")
    (line,) = errors.splitlines()
    assert said in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "a.jpg", "--galery", "x"], "--galery x; did you mean --gallery?"),
        (["serve", "--trustedproxy=1.2.3.4"], "did you mean --trusted-proxy?"),
        (
            ["index", "--frobnicate"],
            "--frobnicate (see python -m edge_app index --help)",
        ),
        (["check", "one", "two"], "unrecognized arguments: one two (see "),
        (["index", "--port", "1"], "--port 1; --port is an option of serve (see "),
    ],
)
def test_an_unknown_option_suggests_the_one_that_is_like_it(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert said in capsys.readouterr().err


def test_the_first_lines_of_a_help_are_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    def first(*words: str) -> list[str]:
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        return capsys.readouterr().out.partition("\n\n")[0].splitlines()

    program = make_parser().prog
    both = [f"usage: {program} {word} [OPTION ...]" for word in ("FOLDER", "COMMAND")]
    assert [" ".join(line.split()) for line in first()] == [
        both[0],
        both[1].removeprefix("usage: "),
    ]
    assert first("search") == [f"usage: {program} search [OPTION ...] [IMAGE ...]"]
    assert first("bench") == [f"usage: {program} bench [OPTION ...] [SUBJECT]"]
    assert first("export") == [f"usage: {program} export [OPTION ...] DIR"]


def test_duplicates_of_an_older_index_say_what_is_not_found_yet(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/fixtures/index-v2/index", tmp_path / "index")
    code, _, errors = run("duplicates", "--index", tmp_path / "index")
    assert code == 0
    (note,) = [line for line in errors.splitlines() if line.startswith("note: ")]
    assert "edited copies of 6 images" in note


def test_search_takes_a_file_from_anywhere(
    library: Path, index: Path, model: Path, tmp_path: Path
) -> None:
    query = save(tmp_path / "query.png", 10, width_px=90, height_px=60)
    where = ["--gallery", library, "--index", index, "--model", model]
    code, out, _ = run("search", query, *where, "--k", 2, "--json")
    assert code == 0
    assert {m["path"] for m in json.loads(out)["matches"]} == {"2020/a.jpg", "2020/b.jpg"}


def test_search_filters_collapses_and_combines(
    library: Path, index: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--gallery", str(library), "--index", str(index), "--model", str(model), "--json"]

    def paths(*arguments: str) -> list[str]:
        assert main(["search", *arguments, *where]) == 0
        (answer,) = map(json.loads, capsys.readouterr().out.splitlines())
        return [match["path"] for match in answer["matches"]]

    photo = str(library / "2019/0.png")
    assert sorted(paths(photo, "--folder", "2020")) == ["2020/a.jpg", "2020/b.jpg"]
    assert len(paths(photo, "--format", "PNG")) == 3
    assert len(paths(photo)) == 5
    assert len(paths(photo, "--collapse")) < 5
    twin = str(library / "2020/a.jpg")
    assert paths(twin, "--k", "1") == ["2020/b.jpg"]
    assert "2020/a.jpg" not in paths(photo, "--unlike", twin)
    assert len(paths(photo, str(library / "2019/1.png"), "--together")) == 4
    assert len(paths(photo, "--box", "0,0,0.5,0.9")) == 5


def test_many_queries_come_out_as_json_lines_or_csv(
    library: Path, index: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--gallery", str(library), "--index", str(index), "--model", str(model), "--k", "2"]
    photos = [str(library / f"2019/{seed}.png") for seed in range(4)]
    assert main(["search", *photos, *where, "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["query"] for answer in answers] == photos
    assert main(["search", *photos, *where, "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 4 * 2
    assert lines[0] == "query,rank,id,score,path,band"


def test_info_names_what_runs_and_what_to_fix(
    library: Path, index: Path, model: Path, tmp_path: Path
) -> None:
    where = ["--gallery", library, "--model", model, "--json"]
    facts = json.loads(run("info", *where, "--index", index)[1])
    assert facts["index"]["images"] == 6
    assert facts["model"]["dim"] == 1280
    assert facts["to fix"] == []
    shown = run("info", *where[:-1], "--index", index)[1]
    assert "  mean: 0.0, 0.0, 0.0\n" in shown
    assert "  decoding without network: yes\n" in shown
    assert not {"None", "True", "False"} & set(shown.split())
    facts = json.loads(
        run(
            "info",
            "--index",
            tmp_path / "none",
            "--model",
            tmp_path / "m.tflite",
            "--gallery",
            tmp_path / "gone",
            "--json",
        )[1]
    )
    assert len(facts["to fix"]) == 3


LONG = "a" * 300


# --- what can go wrong, each one line ------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["index", "--gallery", "{tmp}/none"], 1, ["{tmp}/none", "does not exist", "--gallery"]),
        (["index", "--gallery", "{tmp}/file"], 1, ["{tmp}/file", "not a folder", "--gallery"]),
        (
            ["index", "--gallery", "{tmp}/empty", "--index", "{tmp}/new"],
            1,
            ["{tmp}/empty", "no images", "--gallery"],
        ),
        (["index", "--model", "{tmp}/none.tflite"], 1, ["none.tflite", "make model"]),
        (["index", "--model", "{tmp}/bare.tflite"], 1, ["bare.json", "make model"]),
        (["index", "--delegate", "none.so"], 1, ["none.so", "--delegate-optional"]),
        (["index", "--delegate", "none.so:fast"], 2, ["fast", "KEY=VALUE"]),
        (["index", "--index", "{library}/index"], 2, ["{library}/index", "--index"]),
        (["index", "--index", "{tmp}/file"], 1, ["{tmp}/file"]),
        (["search", "{library}/2019/0.png", "--index", "{tmp}/new"], 1, ["{tmp}/new", "index"]),
        (["search", "{tmp}/nothing.jpg"], 2, ["nothing.jpg"]),
        (["search", "{tmp}/file"], 2, ["{tmp}/file", "not an image"]),
        (["search", "{tmp}/file", "--file-size", "9"], 2, ["{tmp}/file", "--file-size"]),
        (
            ["search", "{tmp}/copy.png", "--decode-memory", "9"],
            2,
            ["{tmp}/copy.png", "--decode-memory"],
        ),
        (["search", "{library}/2019/0.png", "--k", "0"], 2, ["k 0"]),
        (["search", "{library}/2019/0.png", "--k", "1001"], 2, ["1001", "1000"]),
        (["search", "{library}/2019/0.png", "--min-score", "nan"], 2, ["nan"]),
        (["search", "{library}/2019/0.png", "--box", "0,0,2,1"], 2, ["0,0,2,1"]),
        (["search", "{library}/2019/0.png", "--box", "0,0,0.1,0.1"], 2, ["16"]),
        (["search", "{library}/2019/0.png", "--box", "0,0,0,1"], 2, ["box"]),
        (["search", "{library}/2019/0.png", "--unlike", "{library}/2019/0.png"], 2, ["unlike"]),
        (["search", "{library}/2019/0.png", "--weight", "nan"], 2, ["nan"]),
        (["search", "{library}/2019/0.png", "--from", "soon"], 2, ["soon"]),
        (["search", "{library}/2019/0.png", "--orientation", "flat"], 2, ["flat"]),
        (["serve", "--port", "99999"], 1, ["99999", "--port"]),
        (["index", "--gallery", LONG], 1, ["File name too long"]),
        (["index", "--index", LONG], 1, ["File name too long", "--index"]),
        (["index", "--model", LONG], 1, ["File name too long", "--model"]),
        (["index", "--import", LONG], 1, ["File name too long"]),
        (["search", LONG], 2, ["neither a file nor"]),
        (["search", "{library}/2019/0.png", "--index", LONG], 1, ["File name too long"]),
        (["serve", "--passcode-file", LONG], 1, ["File name too long"]),
        (["serve", "--index", "/proc/new"], 1, ["/proc/new can't be written", "--index"]),
        (["serve", "--delegate", "none.so"], 1, ["none.so", "--delegate-optional"]),
        (["serve", "--gallery", "{tmp}/none", "--index", "{tmp}/new"], 1, ["{tmp}/none"]),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_an_exit_code(
    library: Path,
    index: Path,
    model: Path,
    tmp_path: Path,
    arguments: list[str],
    code: int,
    words: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("not a photo, not a folder, not a model")
    (tmp_path / "bare.tflite").write_text("not a model either")
    (tmp_path / "empty").mkdir()
    save(tmp_path / "copy.png", 1)
    places = {"tmp": str(tmp_path), "library": str(library)}
    given = [argument.format(**places) for argument in arguments]
    defaults = {"--gallery": library, "--index": index, "--model": model}
    for flag, path in defaults.items():
        if flag not in given:
            given += [flag, str(path)]
    assert main(given) == code
    line = error_line(capfd.readouterr().err)
    for word in words:
        assert word.format(**places) in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a folder with photos"),
        (["bogus"], "bogus is neither a folder nor a command: index, serve, "),
        (["serv"], "serv is neither a folder nor a command; did you mean serve? (see"),
        (["version"], "did you mean --version?"),
        (["--hlep"], "there is no option --hlep; did you"),
        (["--lan"], "--lan comes after a folder or a command: lookalike FOLDER --lan (see"),
        (["search", "--k"], "argument --k: expected one argument"),
        (["index", "--workers", "0"], "argument --workers: 0 is not 1 or more"),
        (["index", "--threads", "two"], "argument --threads: two is not a whole number"),
        (["serve", "--port", "9" * 5000], f"{'9' * 40}… is not a whole number"),
        (["serve", "--head-start", "1e300"], "argument --head-start: 1e300 is not from 0 to 86400"),
        (["serve", "--head-start", "nan"], "argument --head-start: nan is not a number"),
        (["bench", "serve", "--seconds", "-1"], "argument --seconds: -1 is not above 0"),
        (["index", "--index", ""], "argument --index: the name is empty"),
        ([""], "the name of the folder is empty"),
        (["index", "--workers", "257"], "argument --workers: 257 is more than 256"),
        (["serve", "--file-size", "0"], "'0' is not above 0, such as 512K, 32M or 1G"),
        (["serve", "--file-size", "9999999G"], "'9999999G' is more than 1048576G"),
        (["check", "\033[31m"], "unrecognized arguments: \\x1b[31m (see"),
    ],
)
def test_wrong_usage_is_one_line_and_exits_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert said in error_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    "words",
    ["LONG", "doctor --gallery LONG", "doctor --index LONG", "doctor --model LONG",
     "info --index LONG", "search LONG", "search a --gallery LONG", "search --text-file LONG",
     "duplicates --index LONG", "check --index LONG", "check --repair --index LONG",
     "export LONG --format npy --index INDEX", "passcode LONG", "passcode LONG --token 1",
     "index --gallery s3://photos --gallery-config LONG --index INDEX",
     "index --delegate LONG --index INDEX",
     "worker tcp://127.0.0.1:1 --index LONG",
     "scheduler tls://127.0.0.1:0 --cluster-tls LONG", "cluster-keys LONG",
     "serve --cluster tls://127.0.0.1:1 --cluster-tls LONG"],
)  # fmt: skip
def test_a_name_that_no_file_can_have_is_no_traceback(
    words: str, index: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    given = words.replace("LONG", LONG).replace("INDEX", str(index)).split()
    try:
        code = main(given)
    except SystemExit as ended:
        code = int(str(ended.code))
    said = capsys.readouterr()
    if given[0] != "info":
        assert code in (1, 2)
    assert said.out or error_line(said.err)


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("$CHECK > /dev/full", 1, "error: the output can't be written: No space left on device\n"),
        ("$CHECK --json > /dev/full", 1, "error: the output can't be written: No space left"),
        ("$CHECK | true", 0, ""),
        ("$CHECK <&- >&- 2>&-", 0, ""),
        ("$CHECK 2>&- | grep -c checked", 0, ""),
        ("$DUPLICATES 2>&-", 0, ""),
    ],
)
def test_output_that_goes_nowhere_is_no_traceback(
    index: Path, shell: str, code: int, said: str
) -> None:
    command = f"{sys.executable} -m edge_app {{}} --index {index}"
    environment = {"CHECK": command.format("check"), "DUPLICATES": command.format("duplicates")}
    done = subprocess.run(
        ["bash", "-c", shell],
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == code
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == (1 if said else 0)


def test_no_file_of_an_index_takes_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    program = (
        "import os, sys; os.closerange(0, 3); sys.stdin = sys.stdout = sys.stderr = None\n"
        "from edge_app.__main__ import _open_streams; _open_streams()\n"
        f"open({str(tmp_path / 'fd')!r}, 'w').write(str(os.open('/', os.O_RDONLY)))\n"
        "print('x', flush=True); print('x', file=sys.stderr, flush=True); sys.stdin.read()"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
    assert int((tmp_path / "fd").read_text()) > 2


SERVER = {"bottle", "waitress", "http.client", "http.server", "edge_app.api.routes"}
CLUSTER = {"asyncio", "ssl", "edge_app.cluster.machines"}
BENCH = {"edge_app.bench.subjects"}


@pytest.mark.parametrize("words", [["index"], ["search", "2019/0.png"], ["info"]], ids=" ".join)
def test_a_command_loads_nothing_that_it_has_no_use_for(
    words: list[str], library: Path, index: Path, model: Path
) -> None:
    """A small device has the memory for something else: the server alone takes 5 MB."""
    program = (
        "import sys; from edge_app.cli.arguments import main; code = main(sys.argv[1:]); "
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    given = [*words, "--index", index, "--gallery", library, "--model", model]
    command = [sys.executable, "-c", program, *map(str, given)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (SERVER | CLUSTER | BENCH) & set(done.stderr.split()) == set()


def test_a_second_indexer_exits_75_at_once(library: Path, index: Path, model: Path) -> None:
    with (index / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, err = run("index", "--gallery", library, "--index", index, "--model", model)
    assert code == 75
    assert str(index) in error_line(err)


def test_indexing_gives_way_to_all_other_programs(model: Path, tmp_path: Path) -> None:
    """As a process of its own: what it lowers, it could not raise again."""
    where = ["--gallery", tmp_path, "--index", tmp_path / "index", "--model", model]
    program = (
        "import os, sys, edge_app.cli.commands.index as index; from edge_app.cli.arguments "
        "import main\n"
        "index.run_index = lambda *_, **__: sys.exit(os.getpriority(os.PRIO_PROCESS, 0))\n"
        "main(['index', *sys.argv[1:]])"
    )
    done = subprocess.run([sys.executable, "-c", program, *map(str, where)], cwd=ROOT, check=False)
    assert done.returncode == Config().nice


@pytest.mark.parametrize("command", ["index", "serve"])
def test_an_index_of_another_library_is_refused(
    command: str, index: Path, model: Path, tmp_path: Path
) -> None:
    save(tmp_path / "other.png", 1)
    code, _, err = run(command, "--gallery", tmp_path, "--index", index, "--model", model)
    assert code == 1
    assert "--index" in error_line(err)


def test_another_model_than_the_index_was_built_with_is_named(
    library: Path, index: Path, model: Path, tmp_path: Path
) -> None:
    card = json.loads(model.with_suffix(".json").read_bytes())
    other = tmp_path / "other.tflite"
    other.write_bytes(model.read_bytes())
    other.with_suffix(".json").write_text(json.dumps(card | {"preprocess": "another-1"}))
    query = save(tmp_path / "query.png", 3)
    code, _, err = run("search", query, "--gallery", library, "--index", index, "--model", other)
    assert code == 1
    assert "--model" in error_line(err)


def test_a_port_in_use_is_named(library: Path, index: Path, model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run(
            "serve", "--gallery", library, "--index", index, "--model", model, "--port", port
        )
    assert code == 1
    assert str(port) in error_line(err)


def test_serve_indexes_in_the_background_follows_the_library_and_stops_clean(
    model: Path, tmp_path: Path
) -> None:
    library = tmp_path / "library"
    save(library / "a.png", 1)
    save(library / "b.png", 2)
    where = ["--gallery", library, "--index", tmp_path / "index", "--model", model]
    with serving([*PROGRAM, "serve", *map(str, where)], ROOT) as site:

        def total() -> object:
            return site.get("api/images")["total"]

        until(lambda: total() == 2)
        picture(3).save(library / "c.png")
        until(lambda: total() == 3)
        (library / "a.png").unlink()
        until(lambda: total() == 2)
    assert run("index", *where)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [["check", "--upload-size", "1M"], ["index", "--connections", "9"],
     ["search", "--poll-interval", "1h"],
     ["serve", "--limit", "upload_bytes=1"], ["serve", "--upload-size", "none"]],
)  # fmt: skip
def test_a_limit_is_an_option_of_the_commands_that_use_it(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        make_parser().parse_args(arguments)
    assert exit.value.code == 2
    assert "unrecognized arguments: --" in (said := capsys.readouterr().err) or "'none'" in said


def test_a_server_hands_the_limits_of_indexing_on_to_its_index_runs() -> None:
    options = make_parser().parse_args(
        ["serve", "--decode-memory", "1G", "--commit-interval", "5m", "--connections", "9"]
    )
    limits = limits_of(options)
    assert (limits.decode_memory_bytes, limits.batch_s, limits.connections) == (2**30, 300, 9)
    given = make_parser().parse_args(["index", *options_of(limits, INDEXING_LIMITS)])
    assert limits_of(given) == replace(limits, connections=Limits().connections)
