"""Makes models/NAME.tflite, an image embedding model, its card and its words; on a workstation.

The model takes RGB pixels 0…255, (1, size, size, 3) float32, or uint8 when quantized to int8, and
gives (1, dim) float32: scaling is part of the graph, so that nobody downstream can get it wrong.
Needs requirements-build.txt, which the device never does. docs/models.md says which model to make.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from conversion.architectures import ARCHITECTURES
from conversion.clip.convert import DTYPE as CLIP_DTYPE
from conversion.clip.convert import convert as convert_clip
from conversion.clip.shapes import NETWORKS
from conversion.convert import DTYPE, Say, convert
from conversion.wrap import Range, wrap
from edge_app.errors import EdgeAppError


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one model, or the card of one; the exit code: 0 done, 1 failed, 2 usage."""
    options = make_parser().parse_args(arguments)
    try:
        with _quiet() as say:
            if options.wrap:
                wrap(options.wrap, options.output_tensor, options.input_range, say)
            elif options.arch in NETWORKS:
                convert_clip(options, say)
            else:
                convert(options, say)
    except EdgeAppError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as a shell reports SIGINT
    return 0


@contextmanager
def _quiet() -> Iterator[Say]:
    """Discard what TensorFlow writes, from C++ too; yields what prints to standard error."""
    with os.fdopen(os.dup(2), "w") as stderr, open(os.devnull, "w") as nowhere:
        saved = os.dup(1), os.dup(2)
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield lambda line: print(line, file=stderr, flush=True)
        finally:
            sys.stdout.flush()
            for descriptor, copy in enumerate(saved, start=1):
                os.dup2(copy, descriptor)
                os.close(copy)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="convert_model.py", description="Create a TFLite image embedding model and its card."
    )
    add = parser.add_argument
    add("--arch", choices=[*ARCHITECTURES, *NETWORKS], default="mobilenet_v2")
    add(
        "--alpha",
        type=_number(float, 0.1, 2.0),
        default=1.0,
        metavar="A",
        help="width of the network (default: %(default)s)",
    )
    add(
        "--input-size",
        type=_number(int, 32, 1024),
        metavar="PX",
        help="input size in pixels, width and height (default: what the network was trained on)",
    )
    add(
        "--weights",
        default="auto",
        metavar="auto|imagenet|packaged|random|NAME|FILE|DIR",
        help="auto: Keras's ImageNet weights; where they can't be downloaded, the packaged ones. "
        "Of networks with a text tower NAME is laion2b, datacomp, openai or tinyclip; auto: the "
        "first that fits",
    )
    add("--quantize", choices=list(DTYPE | CLIP_DTYPE), default="none", help="int8 needs --photos")
    add("--photos", type=Path, metavar="DIR", help="photos for calibration, --reduce and the check")
    add(
        "--reduce",
        type=_number(int, 2, 4096),
        metavar="DIM",
        help="reduce embeddings to DIM dimensions, learned on --photos",
    )
    add(
        "--output",
        type=Path,
        metavar="models/NAME.tflite",
        help="the card is written next to it as NAME.json (default: the name of the network)",
    )
    foreign = parser.add_argument_group("to write the card of an existing model instead")
    add = foreign.add_argument
    add(
        "--wrap",
        type=Path,
        metavar="FILE.tflite",
        help="write the card of this model next to it; needs a TFLite runtime, but not TensorFlow",
    )
    add("--output-tensor", metavar="NAME", help="the output to use, if there are several")
    add(
        "--input-range",
        type=_range,
        metavar="LOW,HIGH",
        help="the range that pixels from 0 to 255 are scaled to, such as -1,1; not "
        "needed for a quantized input",
    )
    return parser


def _range(text: str) -> Range:
    low, _, high = text.partition(",")
    try:
        parsed = float(low), float(high)
    except ValueError:
        parsed = 0.0, 0.0
    if not parsed[0] < parsed[1]:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW,HIGH, such as -1,1")
    return parsed


def _number(kind: type[float] | type[int], low: float, high: float) -> Callable[[str], float]:
    """An argument type: a number of that kind within the bounds."""

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
        return value

    return parse


if __name__ == "__main__":
    sys.exit(main())
