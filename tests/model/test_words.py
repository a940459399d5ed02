"""words: found by any of their names, and searched for as photos are, in every way in."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_app.api.routes import make_app
from edge_app.cli.arguments import main
from edge_app.cli.commands.info import describe
from edge_app.config import Config
from edge_app.errors import ModelError, NotFoundError, UsageError
from edge_app.indexing.watch import Watcher
from edge_app.model.embed import Embedder
from edge_app.model.words import Words
from edge_app.search.alike.groups import Review
from edge_app.search.gallery import Gallery
from tests.serving import Answer, Site, serving
from tools.testing.pictures import picture, save

CLASSES = [
    "espresso",
    "tabby, tabby cat",
    "crane",
    "polar bear, ice bear",
    "Bear, brown bear",
    "crane, machine",
]
VECTORS = np.eye(6, 8, dtype=np.float32)


def teach(model: Path, classes: list[str], vectors: NDArray[np.float32], **changed: Any) -> None:
    """Give a model words: their file, and its entry in the card."""
    labels = model.with_suffix(".labels.npz")
    np.savez(labels, words=np.array(classes), vectors=vectors)
    sha256 = hashlib.sha256(labels.read_bytes()).hexdigest()
    card = json.loads(model.with_suffix(".json").read_bytes())
    entry = {"file": labels.name, "sha256": sha256, "source": "a test", "licence": "MIT"}
    model.with_suffix(".json").write_text(json.dumps(card | {"labels": entry | changed}))


@pytest.fixture
def wordless(tmp_path: Path) -> Path:
    """A model's place and card, no words."""
    model = tmp_path / "m.tflite"
    model.touch()
    card = {"name": "m", "input_size_px": 96, "dim": 8, "dtype": "float32", "sha256": "a" * 64}
    model.with_suffix(".json").write_text(json.dumps(card))
    return model


@pytest.fixture
def words(wordless: Path, monkeypatch: pytest.MonkeyPatch) -> Words:
    monkeypatch.setattr("edge_app.model.words.WORDS_MAX", 3)
    teach(wordless, CLASSES, VECTORS)
    return Words(wordless)


# --- looking words up -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "row"),
    [("espresso", 0), ("tabby", 1), ("tabby cat", 1), (" Tabby  CAT ", 1), ("bear", 4)],
)
def test_every_name_of_a_class_finds_it_in_upper_and_lower_case(
    words: Words, word: str, row: int
) -> None:
    assert np.array_equal(words.vector(word), VECTORS[row])


def test_a_name_of_two_classes_is_both(words: Words) -> None:
    both = VECTORS[2] + VECTORS[5]
    assert np.allclose(words.vector("crane"), both / np.linalg.norm(both))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("expresso", "does not know the word 'expresso'; the closest are espresso"),
        ("qqq", "no similar word"),
    ],
)
def test_an_unknown_word_is_answered_with_the_closest(words: Words, word: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said):
        words.vector(word)


def test_a_word_without_end_is_refused_before_it_is_compared(words: Words) -> None:
    with pytest.raises(UsageError, match="over the limit of 100"):
        words.vector("x" * 101)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ta", ["tabby", "tabby cat"]),
        ("BEAR", ["Bear", "brown bear", "ice bear"]),  # and no more than WORDS_MAX
        ("c", ["crane", "tabby cat"]),
        ("expresso", ["espresso"]),
        ("qqq", []),
    ],
)
def test_completions_begin_so_then_have_a_part_that_does_then_are_close(
    words: Words, text: str, found: list[str]
) -> None:
    assert words.complete(text) == found


# --- a file that can't be used --------------------------------------------------------------------


def test_a_model_without_words_says_so(wordless: Path) -> None:
    with pytest.raises(NotFoundError, match=r"the model m knows no words.*docs/models\.md"):
        Words(wordless)


def test_a_missing_file_is_named(wordless: Path) -> None:
    teach(wordless, CLASSES, VECTORS)
    wordless.with_suffix(".labels.npz").unlink()
    with pytest.raises(ModelError, match=r"m\.labels\.npz can't be read: No such file"):
        Words(wordless)


@pytest.mark.parametrize(
    ("classes", "vectors", "said"),
    [
        (CLASSES, VECTORS[:, :7], r"\(6, 7\) of dim 8"),
        (CLASSES[:5], VECTORS, r"words are \(5,\), vectors \(6, 8\)"),
        (CLASSES, VECTORS * 2, "not all vectors are of length 1"),
        (CLASSES, VECTORS * np.float32(np.nan), "not all vectors are of length 1"),
        (CLASSES, VECTORS.astype(np.float64), "vectors float64"),
        (range(6), VECTORS, "words are int64"),
    ],
)
def test_arrays_of_another_kind_are_refused(
    wordless: Path, classes: Any, vectors: Any, said: str
) -> None:
    teach(wordless, classes, vectors)
    with pytest.raises(ModelError, match=rf"m\.labels\.npz can't be used: .*{said}"):
        Words(wordless)


def test_a_pickle_is_never_loaded(wordless: Path) -> None:
    teach(wordless, np.array([{"a": 1}], dtype=object), VECTORS[:1])  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"m\.labels\.npz can't be used"):
        Words(wordless)


def test_another_file_than_the_card_names_is_refused(wordless: Path) -> None:
    teach(wordless, CLASSES, VECTORS, sha256="0" * 64)
    with pytest.raises(ModelError, match="its SHA-256 is not the one in the model's card"):
        Words(wordless)


def test_words_lie_beside_the_model_and_nowhere_else(wordless: Path) -> None:
    teach(wordless, CLASSES, VECTORS, file="../m.labels.npz")
    with pytest.raises(ModelError, match=r"labels .* which is not an object"):
        Words(wordless)


# --- searching, with the real model ---------------------------------------------------------------

pictures = range(5)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Config:
    """An index of five pictures, and a model whose words are what three of them look like."""
    folder = tmp_path_factory.mktemp("words")
    for file in (model, model.with_suffix(".json")):
        shutil.copy(file, folder)
    config = Config(folder / "library", folder / "index", folder / model.name, port=0)
    for seed in pictures:
        save(config.gallery / f"{seed}.png", seed)
    embedder = Embedder(config.model)
    size_px = embedder.card.input_size_px
    views = [np.asarray(picture(seed).resize((size_px, size_px))) for seed in (0, 1, 2)]
    teach(config.model, ["dawn, daybreak", "noon", "dusk"], embedder.embed(np.stack(views)))
    assert main(["index", *where(config)]) == 0
    return config


def where(config: Config) -> list[str]:
    paths = {"gallery": config.gallery, "index": config.index, "model": config.model}
    return [text for name, path in paths.items() for text in (f"--{name}", str(path))]


Search = Callable[..., tuple[int, Any]]


@pytest.fixture
def search(config: Config, capsys: pytest.CaptureFixture[str]) -> Search:
    """Runs `search`; the exit code and what was printed, or what was said instead."""

    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["search", *where(config), "--json", *arguments])
        output = capsys.readouterr()
        return code, json.loads(output.out) if code == 0 else output.err

    return run


@pytest.mark.model
def test_search_finds_what_a_word_looks_like(search: Search) -> None:
    code, answer = search("--word", "Daybreak")
    assert code == 0
    assert answer["query"] == "Daybreak"
    assert answer["matches"][0]["path"] == "0.png"
    assert len(answer["matches"]) == len(pictures)


@pytest.mark.model
def test_the_field_for_texts_takes_the_words_of_a_classifier(search: Search) -> None:
    code, answer = search("--text", "Daybreak")
    assert code == 0 and answer["matches"][0]["path"] == "0.png"
    code, line = search("--text", "a red car in the snow")
    assert code == 2 and "does not know the word 'a red car in the snow'" in line


@pytest.mark.model
def test_a_word_goes_with_photos_and_against_others(config: Config, search: Search) -> None:
    _, answer = search("--word", "dawn", str(config.gallery / "1.png"))
    assert answer["query"] == [str(config.gallery / "1.png"), "dawn"]
    assert answer["matches"][0]["path"] == "0.png"  # 1.png is the question, no answer
    _, answer = search("--word", "dawn", "--unlike", str(config.gallery / "3.png"))
    paths = [match["path"] for match in answer["matches"]]
    assert paths[0] == "0.png"
    assert "3.png" not in paths


@pytest.mark.model
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--word", "dask"], 2, "the closest are dusk"),
        ([], 2, "give an IMAGE or --text"),
        (["--unlike", "1.png"], 2, "give an IMAGE or --text"),
    ],
)
def test_what_can_not_be_searched_for_is_said(
    search: Search, arguments: list[str], code: int, said: str
) -> None:
    found, line = search(*arguments)
    assert found == code
    assert said in line


@pytest.mark.model
def test_a_model_without_words_can_not_be_asked(
    config: Config, model: Path, search: Search
) -> None:
    code, line = search("--word", "dawn", "--model", str(model))
    assert code == 2
    assert "knows no words" in line or "does not know the word 'dawn'" in line


@pytest.mark.model
def test_info_names_words_that_can_not_be_used(config: Config, tmp_path: Path) -> None:
    for file in (config.model, config.model.with_suffix(".json")):
        shutil.copy(file, tmp_path)
    (line,) = describe(replace(config, model=tmp_path / config.model.name))["to fix"]
    assert "mobilenet_v2.labels.npz can't be read" in line
    assert describe(config)["to fix"] == []


@pytest.fixture(scope="module")
def site(config: Config) -> Iterator[Site]:
    gallery = Gallery(config)
    review = Review(gallery.reader)
    with serving(make_app(gallery, Watcher(config, watch=False), review), config) as site:
        yield site
    review.close()
    gallery.close()


def post(site: Site, **values: object) -> Answer:
    return site.post("/api/search", json.dumps(values).encode())


@pytest.mark.model
def test_the_api_completes_words(site: Site) -> None:
    assert site.ask("/api/words?q=d").json == {"words": ["dawn", "daybreak", "dusk"]}
    assert site.ask("/api/words").json["words"] == ["dawn", "daybreak", "dusk", "noon"]
    assert site.ask(f"/api/words?q={'x' * 101}").error == "bad_request"
    assert site.ask("/api/status").json["model"]["words"]


@pytest.mark.model
def test_the_api_searches_for_a_word(site: Site) -> None:
    answer = post(site, word="Noon", k=2).json
    assert answer["query"] == {"like": [], "unlike": [], "weight": 0.5, "word": "Noon"}
    assert answer["items"][0]["name"] == "1.png"
    first = answer["items"][0]["id"]
    both = post(site, word="dawn", like=[first]).json["items"]
    assert first not in [item["id"] for item in both]
    assert both[0]["name"] == "0.png"


@pytest.mark.model
def test_the_api_answers_an_unknown_word_with_the_closest(site: Site) -> None:
    answer = post(site, word="nooon")
    assert (answer.status, answer.error) == (404, "not_found")
    assert "the closest are noon" in answer.json["error"]["message"]
    assert post(site, word=7).error == "bad_request"
    assert post(site, unlike=[1]).error == "bad_request"
