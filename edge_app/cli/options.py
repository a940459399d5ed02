"""The options of the commands: each function adds those of one subject to a parser."""

from __future__ import annotations

import argparse

from edge_app.cli.logs import FORMATS
from edge_app.cli.parser import Parser, above_zero, few, number, path, positive, seconds, whole
from edge_app.config import Config
from edge_app.index.read.export import FILES
from edge_app.model.runtime import RUNTIMES
from edge_app.search.alike.duplicates import KINDS
from edge_app.search.alike.groups import DUPLICATE_SCORE
from edge_app.search.gallery import UNLIKE_WEIGHT
from edge_app.search.vectors.exact import K

DEFAULTS = Config()
SHELLS = ("bash", "zsh", "fish")
BENCHED = ("report", "index", "search", "serve")  # the names in bench.subjects, which is large


def index_folder(parser: Parser) -> None:
    parser.add_argument("--index", type=path, default=DEFAULTS.index, metavar="DIR",
        help="the index folder (default: %(default)s)")  # fmt: skip


def known_index(parser: Parser) -> None:
    """`told_index` for commands that do nothing without an index."""
    told_index(parser)
    parser.set_defaults(needs_index=True)


def told_index(parser: Parser) -> None:
    """`index_folder` for commands that make none; None where it is left to `folder.served`."""
    parser.set_defaults(finds_index=True)
    parser.add_argument("--index", type=path, metavar="DIR",
        help=f"the index folder (default: {DEFAULTS.index}; where that is not there, the one that"
        " `lookalike FOLDER` made, if it made only one)")  # fmt: skip


def library(parser: Parser) -> None:
    add = parser.add_argument
    add("--gallery", action="append", dest="galleries", metavar="[NAME=]PLACE",
        help="the photo folder, or a URL; never written to; repeat it with names for several"
        f" (default: {DEFAULTS.gallery})")  # fmt: skip
    add("--gallery-config", type=path, metavar="FILE",
        help="keys and endpoints of the URLs; a file that only its owner can read")  # fmt: skip
    model(parser)


def exclude(parser: Parser) -> None:
    parser.add_argument("--exclude", action="append", default=[], metavar="GLOB",
        help="skip files and folders with this name, such as '*.png', or with this path below the"
        " photo folder, such as 'scans/old'; may be given several times")  # fmt: skip


def links(parser: Parser) -> None:
    parser.add_argument("--follow-links", action="store_true",
        help="also read folders that symbolic links lead to")  # fmt: skip


def model(parser: Parser) -> None:
    add = parser.add_argument
    add("--model", type=path, metavar="FILE",
        help="the .tflite file; its card must be next to it (default: the model the index was"
        " made with, else models/mobilenet_v2.tflite, else one that is installed)")  # fmt: skip
    add("--threads", type=few, metavar="N",
        help="inference threads (default: one per core)")  # fmt: skip
    add("--runtime", choices=RUNTIMES, metavar="NAME",
        help="ai-edge-litert or tflite-runtime (default: ai-edge-litert if it is installed)"
    )  # fmt: skip
    add("--delegate", metavar="FILE[:KEY=VALUE,…]",
        help="a TFLite delegate library: it runs the model on an accelerator"
    )  # fmt: skip
    add("--delegate-optional", action="store_true",
        help="use the processor if the delegate can't be loaded")  # fmt: skip


def json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, one object per line")


def workers(parser: Parser) -> None:
    add = parser.add_argument
    add("--workers", type=few, metavar="N",
        help="decoding processes (default: what cores and memory allow)")  # fmt: skip
    add("--tiles", action="store_true",
        help="also index parts of each photo, to find small objects; indexing takes ten"
        " times as long")  # fmt: skip


def index(parser: Parser) -> None:
    parser.set_defaults(needs_gallery=True)
    add = parser.add_argument
    add("--prune", action="store_true",
        help="remove images from the index whose files are missing, even if most"
        " are missing")  # fmt: skip
    add("--retry", action="store_true",
        help="try all files again that could not be used before")  # fmt: skip
    add("--end-with-stdin", action="store_true",
        help="end when standard input does, keeping what is done: for programs that start a run"
    )  # fmt: skip
    add("--import", type=path, dest="donor", metavar="DIR",
        help="first copy what another index of the same model has about these photos")  # fmt: skip


def serve(parser: Parser) -> None:
    parser.set_defaults(needs_gallery=True)
    add = parser.add_argument
    add("--watch", action=argparse.BooleanOptionalAction, default=True,
        help="index new, changed and deleted files while the server runs")  # fmt: skip
    add("--head-start", type=seconds, default=0.0, metavar="SECONDS",
        help="before serving, wait up to this long for the first index run")  # fmt: skip
    add("--then-say", default="", metavar="TEXT", help="print this after the address")
    add("--strip-location", action="store_true",
        help="remove the location from photos that are downloaded or shown in"
        " full size")  # fmt: skip
    add("--access-log", action="store_true", help="write a line for each request to standard error")
    add("--log-format", choices=FORMATS, default=FORMATS[0], metavar="FORMAT",
        help="text, or json with one object per line (default: %(default)s)")  # fmt: skip


def network(parser: Parser) -> None:
    add = parser.add_argument
    add("--host", default=DEFAULTS.host, metavar="H",
        help="the address to listen on (default: %(default)s)")  # fmt: skip
    add("--port", type=whole, default=DEFAULTS.port, metavar="P",
        help="the port to listen on; 0: any free port (default: %(default)s)")  # fmt: skip
    add("--lan", action="store_true",
        help="make the gallery reachable in your network, and print its addresses")  # fmt: skip
    add("--passcode-file", type=path, metavar="FILE",
        help="ask visitors for a passcode; the command passcode creates the file")  # fmt: skip
    add("--allow-host", action="append", default=[], dest="allowed_hosts", metavar="NAME",
        help="another host name of this server, such as photos.home.arpa")  # fmt: skip
    add("--base-path", default=DEFAULTS.base_path, metavar="/PATH",
        help="the path of the gallery behind a proxy, such as /photos")  # fmt: skip
    add("--trusted-proxy", metavar="ADDRESS",
        help="the address of the proxy whose X-Forwarded-* headers are used")  # fmt: skip


def search(parser: Parser) -> None:
    add = parser.add_argument
    add("images", nargs="*", metavar="IMAGE",
        help="an image file, or the path of an indexed image; one search for each")  # fmt: skip
    add("--unlike", nargs="+", default=[], metavar="IMAGE",
        help="images that the results should not look like; one search for all IMAGEs")  # fmt: skip
    add("--text", action="append", default=[], metavar="WORDS",
        help="search for what a text says, with a model that has a text tower (else: a word that"
        " it knows); one search for each, or one together with all IMAGEs")  # fmt: skip
    add("--text-file", type=path, metavar="FILE", help="the same for each line of a file")
    add("--unlike-text", action="append", default=[], metavar="WORDS",
        help="what the results should not show; one search for everything")  # fmt: skip
    add("--word", metavar="WORD",
        help="search for a word that the model knows; one search together with all IMAGEs"
    )  # fmt: skip
    add("--together", action="store_true", help="one search for all IMAGEs together")
    add("--weight", default=UNLIKE_WEIGHT, metavar="W",
        help="how strongly --unlike counts (default: %(default)s)")  # fmt: skip
    add("--box", metavar="x,y,w,h",
        help="search for a region of IMAGE; x,y,w,h are fractions of the upright"
        " image")  # fmt: skip
    add("--k", default=K, metavar="K", help="how many matches (default: %(default)s)")
    add("--min-score", metavar="S", help="only matches with at least this score (cosine, -1 to 1)")
    add("--collapse", action="store_true",
        help="group near-duplicates under the best match")  # fmt: skip
    add("--tiles", action="store_true",
        help="also search in parts of photos; needs an index made with --tiles")  # fmt: skip
    add("--csv", action="store_true", help="print CSV, one line per match")


def filters(parser: Parser) -> None:
    add = parser.add_argument
    add("--folder", metavar="F", help="only images in this folder and its subfolders")
    add("--from", metavar="DATE", help="only images taken on this date or later")
    add("--to", metavar="DATE", help="only images taken on this date or earlier")
    add("--undated", action="store_true", help="only images without a date")
    add("--format", metavar="F", help="only these formats, such as JPEG,PNG")
    add("--orientation", metavar="O", help="only landscape, portrait or square images")


def duplicates(parser: Parser) -> None:
    add = parser.add_argument
    add("--kind", choices=KINDS, metavar="KIND",
        help="identical: copies of one file; same: copies of one picture, such as resized ones;"
        " alike: different photos that are similar (default: all, each image in one group)"
    )  # fmt: skip
    add("--min-score", type=number, metavar="S", default=DUPLICATE_SCORE,
        help="the lowest similarity of photos that are alike (default: %(default)s)")  # fmt: skip
    for name, about in (
        ("--dismiss", "do not search, but say that these images are not duplicates of one another"),
        ("--restore", "do not search, but take that back"),
    ):
        add(name, nargs="+", metavar="IMAGE", help=f"{about}: 2 to 100 files or"
            " paths of the index")  # fmt: skip
    add("--mark", nargs="+", metavar="IMAGE",
        help="do not search, but put these images on the list of those to move away")  # fmt: skip
    add("--unmark", nargs="+", metavar="IMAGE", help="take them off that list")
    add("--marked", nargs="?", choices=["paths", "script"], const="paths", metavar="AS",
        help="print that list: paths, or script, which moves the files away when you run it in the"
        " photo folder (default: paths)")  # fmt: skip


def check(parser: Parser) -> None:
    parser.add_argument("--repair", action="store_true",
        help="remove what is damaged, so that the next index run can restore it")  # fmt: skip


def bench(parser: Parser) -> None:
    add = parser.add_argument
    add("subject", choices=BENCHED, nargs="?", default="report", metavar="SUBJECT",
        help="index: make a temporary index of --gallery; search, serve: use the index, or"
        " generated data if there is none; without SUBJECT: a short report of indexing and search"
    )  # fmt: skip
    add("--gallery", type=path, default=argparse.SUPPRESS, metavar="DIR",
        help="index these photos (default: --count generated photos of 12 megapixels)")  # fmt: skip
    add("--count", type=positive, default=200, metavar="N",
        help="how many photos to generate (default: %(default)s, 700 MB)")  # fmt: skip
    add("--rows", type=positive, default=10_000, metavar="N",
        help="images in a generated index (default: %(default)s)")  # fmt: skip
    add("--dim", type=positive, default=1280, metavar="N",
        help="dimensions of a generated index (default: %(default)s)")  # fmt: skip
    add("--connections", type=positive, default=64, metavar="N",
        help="connections that request thumbnails together (default: %(default)s)")  # fmt: skip
    add("--seconds", type=above_zero, default=5.0, metavar="S",
        help="how long each measurement of serve takes (default: %(default)s)")  # fmt: skip


def passcode(parser: Parser) -> None:
    add = parser.add_argument
    add("file", type=path, metavar="FILE", help="the file to create or replace")
    add("--token", type=positive, metavar="DAYS",
        help="do not change FILE, but print a token for programs that is valid for DAYS days;"
        " send it as Authorization: Bearer TOKEN")  # fmt: skip
    add("--sign-out", action="store_true",
        help="keep the passcode, but sign everybody out: all sessions and tokens end")  # fmt: skip


def export(parser: Parser) -> None:
    add = parser.add_argument
    add("folder", type=path, metavar="DIR", help="the folder to write into")
    add("--format", choices=list(FILES), default="parquet", metavar="FORMAT",
        help="parquet (needs pyarrow), or npy: vectors.npy, ids.npy and images.jsonl"
        " (default: %(default)s)")  # fmt: skip


def address(parser: Parser) -> None:
    parser.add_argument("address", metavar="ADDRESS",
        help="of the scheduler, such as tls://photos.local:8786")  # fmt: skip


def cluster_tls(parser: Parser) -> None:
    parser.add_argument("--cluster-tls", type=path, metavar="DIR",
        help="the certificates of the cluster, made by cluster-keys")  # fmt: skip


def cluster(parser: Parser) -> None:
    parser.add_argument("--cluster", metavar="ADDRESS",
        help="have the machines at this scheduler decode and embed")  # fmt: skip
    cluster_tls(parser)


def searching_cluster(parser: Parser) -> None:
    parser.add_argument("--cluster", metavar="ADDRESS",
        help="have machines at this scheduler search their copies of the index")  # fmt: skip
    cluster_tls(parser)


def index_copy(parser: Parser) -> None:
    parser.add_argument("--index", type=path, dest="copy", metavar="DIR",
        help="also search this copy of the index for serve --cluster; without --gallery, only"
        " search")  # fmt: skip


def cluster_keys(parser: Parser) -> None:
    parser.add_argument("folder", type=path, metavar="DIR", help="the folder to make")


def completion(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL",
        help="bash, zsh or fish, such as: lookalike completion bash >"
        " ~/.local/share/bash-completion/completions/lookalike")  # fmt: skip
