"""Searching for what a text says, by command, API and Python, with a model of two towers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge_app
from edge_app.api.routes import make_app
from edge_app.cli.arguments import main
from edge_app.config import Config, Limits
from edge_app.errors import ModelError, NotFoundError, UsageError
from edge_app.index.read.reader import Reader
from edge_app.indexing.watch import Watcher
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery
from tests import tinyclip
from tests.serving import Site, serving
from tools.testing.pictures import save
from tools.testing.waiting import until

FIXTURE = Path(__file__).parent / "fixtures/tinyclip"
PICTURES = 40


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """An index of 40 pictures, made while its model had no text tower, which has come since."""
    folder = tmp_path_factory.mktemp("text")
    shutil.copytree(FIXTURE, folder / "models")
    config = Config(
        folder / "library",
        folder / "index",
        folder / "models/tiny.tflite",
        port=0,
        limits=Limits(text_idle_s=0.05),
    )
    for seed in range(PICTURES):
        save(config.gallery / f"{'even' if seed % 2 == 0 else 'odd'}/{seed:02}.png", seed)
    card = config.model.with_suffix(".json")
    whole = card.read_text()
    card.write_text(json.dumps(json.loads(whole) | {"text": None}))
    assert main(["index", *where(config)]) == 0
    card.write_text(whole)
    return config


def where(config: Config) -> list[str]:
    paths = {"gallery": config.gallery, "index": config.index, "model": config.model}
    return [text for name, path in paths.items() for text in (f"--{name}", str(path))]


def unit(vector: Any) -> Any:
    return vector / np.linalg.norm(vector)


def text_vector(text: str) -> Any:
    return unit(tinyclip.embed_text(tinyclip.make_tensors(), tinyclip.tokens_of(text)))


def ranking(config: Config, vector: Any, keep: Callable[[str], bool] = lambda path: True) -> Any:
    """Paths and scores by brute force over the vectors of the index."""
    with Reader(config.index) as reader:
        snapshot = reader.snapshot()
        paths = {image.id: image.path for image in reader.images(snapshot.ids.tolist())}
        scores = snapshot.vectors.astype(np.float64) @ vector
        found = [(paths[id], score) for id, score in zip(snapshot.ids, scores, strict=True)]
    return sorted((pair for pair in found if keep(pair[0])), key=lambda pair: -pair[1])


def same(matches: list[dict[str, Any]], expected: list[tuple[str, float]]) -> None:
    """Paths in this order, scores but for rounding."""
    assert [match["path"] for match in matches] == [path for path, _ in expected[: len(matches)]]
    for match, (_, score) in zip(matches, expected, strict=False):
        assert match["score"] == pytest.approx(score, abs=2e-4)


Search = Callable[..., tuple[int, Any]]


@pytest.fixture
def search(config: Config, capsys: pytest.CaptureFixture[str]) -> Search:
    """Runs `search`; the exit code and what was printed, or what was said instead."""

    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["search", *where(config), "--json", *arguments])
        output = capsys.readouterr()
        lines = [json.loads(line) for line in output.out.splitlines()]
        return code, lines if code == 0 else output.err

    return run


# --- by command -----------------------------------------------------------------------------------


def test_an_index_made_before_the_text_tower_answers_texts(config: Config, search: Search) -> None:
    code, (answer,) = search("--text", "the red dog", "--k", "10")
    assert code == 0 and answer["query"] == "the red dog"
    same(answer["matches"], ranking(config, text_vector("the red dog")))


def test_several_texts_are_a_search_each(config: Config, search: Search, tmp_path: Path) -> None:
    file = tmp_path / "wishes.txt"
    file.write_text("snow\n\n  a cat \n")
    _, answers = search("--text", "blue", "--text-file", str(file), "--k", "5")
    assert [answer["query"] for answer in answers] == ["blue", "snow", "  a cat "]
    for answer, text in zip(answers, ("blue", "snow", "a cat"), strict=True):
        same(answer["matches"], ranking(config, text_vector(text)))


def test_texts_go_together_with_images_and_against_others(config: Config, search: Search) -> None:
    image, other = "even/04.png", "odd/07.png"
    _, (answer,) = search(
        *("--text", "the snow", "--unlike-text", "a dog", str(config.gallery / image)),
        *("--unlike", str(config.gallery / other), "--weight", "0.3", "--k", "5"),
    )
    with Reader(config.index) as reader:
        snapshot = reader.snapshot()
        one, two = (
            snapshot.vectors[snapshot.row_of(reader.image_at(path).id)]  # type: ignore[union-attr]
            for path in (image, other)
        )
    like = (one + text_vector("the snow")) / 2
    unlike = (two + text_vector("a dog")) / 2
    vector = unit(like - 0.3 * unlike)
    same(answer["matches"], ranking(config, vector, lambda path: path not in (image, other)))


def test_filters_and_collapse_hold_for_texts_too(config: Config, search: Search) -> None:
    _, (answer,) = search("--text", "blue", "--folder", "odd", "--collapse", "--k", "3")
    assert {match["path"][:4] for match in answer["matches"]} == {"odd/"}
    _, (answer,) = search("--text", "blue", "--min-score", "0.99")
    assert answer["matches"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--text", ""], "the text is empty"),
        (["--text", "x" * 10_000], "over the limit of 1000"),
        (["--text", "a\x1bdog"], "control character U+001B"),
        (["--unlike-text", "a dog"], 'give an IMAGE or --text "WORDS"'),
        (["--text-file", "/nowhere"], "--text-file /nowhere can't be read: No such file"),
        (["--text-file", "/dev/null"], "--text-file /dev/null has no text"),
    ],
)
def test_what_can_not_be_searched_for_is_one_line(
    search: Search, arguments: list[str], said: str
) -> None:
    code, line = search(*arguments)
    assert code == 2
    assert said in line and line.count("\n") == 1


def test_info_tells_what_the_towers_take(
    config: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", "--json", *where(config)]) == 0
    model = json.loads(capsys.readouterr().out)["model"]
    assert 0 <= model["ms a text"] < 2000 and 0 <= model["ms a photo"] < 2000
    assert model["text tower MiB"] >= 0 and model["text"]["file"] == "tiny.text.tflite"


def test_info_says_what_is_wrong_with_the_text_tower(
    config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(config.model.parent, tmp_path / "models")
    (tmp_path / "models/tiny.vocab").write_text("another")
    model = ["--model", str(tmp_path / "models/tiny.tflite")]
    assert main(["info", "--json", *where(config), *model]) == 0
    assert any(
        "tiny.vocab has SHA-256" in line for line in json.loads(capsys.readouterr().out)["to fix"]
    )


# --- by API ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gallery(config: Config) -> Iterator[Gallery]:
    gallery = Gallery(config)
    yield gallery
    gallery.close()


@pytest.fixture(scope="module")
def site(config: Config, gallery: Gallery) -> Iterator[Site]:
    watcher = Watcher(config, watch=False)
    with serving(make_app(gallery, watcher, Review(gallery.reader)), config) as site:
        yield site


def ask(site: Site, **wanted: Any) -> Any:
    answer = site.post("/api/search", json.dumps(wanted).encode())
    assert answer.status == 200, answer.body
    return answer.json


def test_the_api_finds_texts(config: Config, site: Site) -> None:
    answer = ask(site, text="the red dog", k=10)
    assert answer["query"]["text"] == "the red dog"
    same(answer["items"], ranking(config, text_vector("the red dog")))


def test_scores_of_a_text_have_bands_of_their_own(config: Config, site: Site) -> None:
    """From captions and photos: what one pair of 100 reaches is similar."""
    captions = np.load(config.model.with_suffix(".captions.npy"))
    with Reader(config.index) as reader:
        scores = np.sort((reader.snapshot().vectors @ captions.T).ravel())[::-1]
    answer = ask(site, text="the red dog", k=PICTURES)
    scale = answer["scale"]
    assert scale["pairs"] == PICTURES * len(captions)
    assert scale["similar"] == pytest.approx(scores[len(scores) // 100 - 1], abs=2e-4)
    assert scale["very_similar"] is None and scale["almost_same"] is None  # too few pairs
    for item in answer["items"]:
        assert item["band"] == ("similar" if item["score"] >= scale["similar"] else "less_similar")
    between_photos = ask(site, like=[answer["items"][0]["id"]])["scale"]
    assert between_photos["pairs"] != scale["pairs"]
    assert ask(site, text="a dog", unlike_text="a cat")["scale"] is None


def test_the_api_combines_texts_with_images(config: Config, site: Site) -> None:
    first = ask(site, text="a cat", k=1)["items"][0]
    answer = ask(site, text="a cat", unlike_text="blue", like=[first["id"]], k=5)
    assert answer["query"] | {"text": "a cat", "unlike_text": "blue"} == answer["query"]
    with Reader(config.index) as reader:
        snapshot = reader.snapshot()
        image = snapshot.vectors[snapshot.row_of(first["id"])]
    vector = unit((image + text_vector("a cat")) / 2 - 0.5 * text_vector("blue"))
    same(answer["items"], ranking(config, vector, lambda path: path != first["path"]))


@pytest.mark.parametrize(
    ("wanted", "status", "said"),
    [
        ({"text": " "}, 400, "the text is empty"),
        ({"text": "x" * 10_000}, 400, "over the limit of 1000"),
        ({"text": "a\x00dog"}, 400, "control character U+0000"),
        ({"text": ["a", "b"]}, 400, "is not a text"),
        ({"unlike_text": "a dog"}, 400, "give at least one image or a text"),
        ({"text": "a dog", "unlike_text": "a dog", "weight": 1}, 400, "leave one of them out"),
    ],
)
def test_the_api_refuses_what_is_no_text(
    site: Site, wanted: dict[str, Any], status: int, said: str
) -> None:
    answer = site.post("/api/search", json.dumps(wanted).encode())
    assert answer.status == status
    assert said in answer.json["error"]["message"]


def test_status_says_that_texts_can_be_asked(site: Site) -> None:
    model = site.ask("/api/status").json["model"]
    assert model["text"] is True and model["words"] is True
    assert site.ask("/api/words?q=do").json == {"words": []}


def test_the_tower_is_let_go_and_metrics_say_so(site: Site, gallery: Gallery) -> None:
    ask(site, text="the snow of the dog")

    def tower_bytes() -> float:
        lines = site.ask("/metrics").body.decode().splitlines()
        (line,) = [line for line in lines if line.startswith("lookalike_text_tower_bytes ")]
        return float(line.split()[1])

    until(lambda: gallery.loaded.text._loaded is None)
    assert tower_bytes() == 0


# --- by Python, and with models that don't fit ----------------------------------------------------


def test_the_python_face_finds_texts(config: Config) -> None:
    with edge_app.Index(config.index, model=config.model) as index:
        hits = index.similar(text="the red dog", k=5)
        expected = ranking(config, text_vector("the red dog"))
        assert [hit.image.path for hit in hits] == [path for path, _ in expected[:5]]
        both = index.similar(text=["a dog", "a cat"], unlike_text="snow", k=3)
        mean = (text_vector("a dog") + text_vector("a cat")) / 2
        expected = ranking(config, unit(mean - 0.5 * text_vector("snow")))
        assert [hit.image.path for hit in both] == [path for path, _ in expected[:3]]
        with pytest.raises(UsageError, match="the text is empty"):
            index.similar(text="")


def test_a_text_tower_of_another_model_than_the_index_is_refused(
    config: Config, tmp_path: Path
) -> None:
    shutil.copytree(config.model.parent, tmp_path / "models")
    model = tmp_path / "models/tiny.tflite"
    card = json.loads(model.with_suffix(".json").read_text())
    model.with_suffix(".json").write_text(json.dumps(card | {"sha256": "0" * 64}))
    with (
        edge_app.Index(config.index, model=model) as index,
        pytest.raises(ModelError, match="was built with the model tiny, not with"),
    ):
        index.similar(text="a dog")


@pytest.mark.model
def test_a_model_without_a_text_tower_says_which_have_one(config: Config, model: Path) -> None:
    if json.loads(model.with_suffix(".json").read_text()).get("labels"):
        pytest.skip("the default model knows words")
    with (
        edge_app.Index(config.index, model=model) as index,
        pytest.raises(NotFoundError, match=r"has no text tower.*docs/words\.md"),
    ):
        index.similar(text="a dog")
