"""ETags as S3 makes them, from moto: of parts, of another object, of one replaced meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest

from edge_app.errors import UnreadableError
from edge_app.library.remote.source import Remote
from edge_app.library.rules import Rules
from tools.testing.rclone import SECRET, USER, Served, write_config

pytest.importorskip("opendal")
boto3 = pytest.importorskip("boto3")
pytest.importorskip("moto.server")

SERVER = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
import threading
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("moto")
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield write_config("s3", int(process.stdout.readline()), place, place / "log")
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def bucket(served: Served) -> Any:
    """The bucket "photos", empty."""
    endpoint = f"http://127.0.0.1:{served.port}"
    urllib.request.urlopen(
        urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")
    ).close()
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id=USER, aws_secret_access_key=SECRET,
    )  # fmt: skip
    s3.create_bucket(Bucket="photos")
    return s3


@pytest.fixture
def source(served: Served) -> Remote:
    return Remote(served.url, served.config, Rules())


def test_another_object_of_the_same_size_and_second_has_another_version(
    bucket: Any, source: Remote
) -> None:
    versions = set()
    for body in (b"first", b"other"):
        bucket.put_object(Bucket="photos", Key="a.jpg", Body=body)
        (found,) = source.scan().files
        assert found.size_bytes == 5 and re.fullmatch("[0-9a-f]{32}", found.version)
        with source.open("a.jpg") as original:
            assert original.version == found.version
            assert original.file.read() == body
        versions.add(found.version)
    assert len(versions) == 2


def test_an_object_made_of_parts_is_one_photo(bucket: Any, source: Remote) -> None:
    data = bytes(range(256)) * 24_000  # S3's parts have 5 MiB at least, but for the last
    bucket.upload_fileobj(BytesIO(data), "photos", "large.jpg", Config=_parts())
    (found,) = source.scan().files
    assert re.fullmatch("[0-9a-f]{32}-2", found.version)
    assert source.to_decode("large.jpg", len(data)) == data


def test_an_original_replaced_while_it_is_read_is_not_mixed(bucket: Any, source: Remote) -> None:
    bucket.put_object(Bucket="photos", Key="a.jpg", Body=bytes(5 << 20))
    with source.open("a.jpg") as original:
        bucket.put_object(Bucket="photos", Key="a.jpg", Body=b"\1" * (5 << 20))
        original.file.seek(3 << 20)
        with pytest.raises(OSError, match="changed"):
            original.file.read(1 << 20)


def test_more_objects_than_a_page_has_are_all_found(bucket: Any, source: Remote) -> None:
    for number in range(1050):
        bucket.put_object(Bucket="photos", Key=f"{number:04}.jpg", Body=b"x")
    assert len(source.scan().files) == 1050
    with pytest.raises(UnreadableError):
        source.to_decode("0001.jpg", 2)


def _parts() -> Any:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
