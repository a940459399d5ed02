"""Keys come from a file of its owner alone or the environment, and nobody else gets to see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_app.errors import UsageError
from edge_app.library.remote.access import options_of, without_keys


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.toml"
    file.touch(0o600)
    return file


def test_a_table_is_for_the_urls_that_begin_with_its_name(file: Path) -> None:
    file.write_text(
        '["s3://bucket"]\naccess_key_id = "A"\nsecret_access_key = "B"\n'
        '["s3://bucket/private"]\naccess_key_id = "C"\nvirtual_host_style = true\n'
    )
    service, options = options_of("s3://bucket/photos", file, {})
    assert service == "s3"
    assert (options["bucket"], options["root"], options["access_key_id"]) == (
        "bucket", "/photos", "A",
    )  # fmt: skip
    private = options_of("s3://bucket/private/x", file, {})[1]
    assert (private["access_key_id"], private["enable_virtual_host_style"]) == ("C", "true")
    assert options_of("s3://bucket2", file, {})[1]["skip_signature"] == "true"


def test_the_address_of_a_share_may_be_copied_from_a_browser(file: Path) -> None:
    file.write_text('["webdavs://host/My photos"]\npassword = "p"\n')
    options = options_of("webdavs://host/My%20photos/%C3%B6%3F+", file, {})[1]
    assert (options["root"], options["password"]) == ("/My photos/ö?+", "p")
    assert options_of("s3://bucket/a%20b", None, {})[1]["root"] == "/a%20b"


def test_the_environment_is_used_where_the_file_says_nothing(file: Path) -> None:
    environ = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B", "AWS_REGION": "eu-west-1"}
    options = options_of("s3://bucket", None, environ)[1]
    assert (options["access_key_id"], options["region"]) == ("A", "eu-west-1")
    assert "skip_signature" not in options
    file.write_text('["s3://bucket"]\nregion = "here"\n')
    assert options_of("s3://bucket", file, environ)[1]["region"] == "here"
    options = options_of("webdavs://host/a", None, {"WEBDAV_PASSWORD": "p"})[1]
    assert (options["endpoint"], options["root"], options["password"]) == (
        "https://host", "/a", "p",
    )  # fmt: skip


@pytest.mark.parametrize("root", ["s3://b", "gs://b"])
def test_no_file_of_another_program_and_no_machine_that_hands_out_keys_is_asked(root: str) -> None:
    options = options_of(root, None, {})[1]
    assert options["disable_config_load"] == "true"
    assert "true" in (options.get("disable_ec2_metadata"), options.get("disable_vm_metadata"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_can_read_is_refused(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(UsageError, match=r"can be read by others; run: chmod 600"):
        options_of("s3://b", file, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["s3://b"\nsecret_access_key = "hunter2"', "not TOML"),
        ('["s3://b"]\nsecret = "hunter2"', "'secret'; what it may have"),
        ('"s3://b" = "hunter2"', "below a line"),
        ('["s3://b"]\nendpoint = "http://nas.home.arpa:9000"', "without encryption"),
        ('["s3://b"]\nendpoint = "ftp://x"', "is not an https:// address"),
        ('["s3://b"]\nendpoint = "https://user:hunter2@x"', "is not an https:// address"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line_without_its_secrets(
    file: Path, text: str, said: str
) -> None:
    file.write_text(text)
    with pytest.raises(UsageError, match=said) as error:
        options_of("s3://b", file, {})
    assert "hunter2" not in str(error.value) and "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match="--gallery-config"):
            options_of("s3://b", path, {})


def test_plain_http_leaves_this_machine_only_if_the_file_says_so(file: Path) -> None:
    for host in ("127.0.0.1:80", "localhost", "[::1]:8080"):
        assert options_of(f"webdav://{host}/x", None, {})[0] == "webdav"
    with pytest.raises(UsageError, match="plain_http = true"):
        options_of("webdav://nas.home.arpa/x", None, {})
    file.write_text('["webdav://nas.home.arpa"]\nplain_http = true\n')
    assert options_of("webdav://nas.home.arpa/x", file, {})[1]["endpoint"] == "http://nas.home.arpa"


def test_processes_that_read_photos_get_no_keys() -> None:
    environ = {"AWS_SECRET_ACCESS_KEY": "hunter2", "WEBDAV_PASSWORD": "hunter2", "PATH": "/bin"}
    assert without_keys(environ) == {"PATH": "/bin"}
