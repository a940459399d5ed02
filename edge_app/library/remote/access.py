"""What a source named by a URL needs to be reached: its address, its keys, and whether it is safe
to send them. Keys come from a file that its owner alone can read, or from the environment."""

from __future__ import annotations

import ipaddress
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from edge_app.errors import UsageError
from edge_app.library.places import shown, unescaped

FILE_BYTES = 1 << 20

# What a table of the file may say, by scheme, and what opendal calls it.
_SETTINGS: dict[str, dict[str, str]] = {
    "s3": {
        "endpoint": "endpoint",
        "region": "region",
        "access_key_id": "access_key_id",
        "secret_access_key": "secret_access_key",
        "session_token": "session_token",
        "virtual_host_style": "enable_virtual_host_style",
    },
    "webdav": {"username": "username", "password": "password", "token": "token"},
    "az": {
        "endpoint": "endpoint",
        "account_name": "account_name",
        "account_key": "account_key",
        "sas_token": "sas_token",
    },
    "gs": {"endpoint": "endpoint", "credential": "credential", "token": "token"},
}
_SETTINGS["webdavs"] = _SETTINGS["webdav"]

# The same from the environment, under the names that these services' own programs read.
_VARIABLES: dict[str, dict[str, str]] = {
    "s3": {
        "AWS_ENDPOINT_URL": "endpoint",
        "AWS_ENDPOINT_URL_S3": "endpoint",
        "AWS_DEFAULT_REGION": "region",
        "AWS_REGION": "region",
        "AWS_ACCESS_KEY_ID": "access_key_id",
        "AWS_SECRET_ACCESS_KEY": "secret_access_key",
        "AWS_SESSION_TOKEN": "session_token",
    },
    "webdav": {"WEBDAV_USERNAME": "username", "WEBDAV_PASSWORD": "password"},
    "az": {
        "AZURE_STORAGE_ACCOUNT_NAME": "account_name",
        "AZURE_STORAGE_ACCOUNT_KEY": "account_key",
        "AZURE_STORAGE_SAS_TOKEN": "sas_token",
    },
    "gs": {"GOOGLE_CREDENTIAL": "credential"},
}
_VARIABLES["webdavs"] = _VARIABLES["webdav"]
VARIABLES = frozenset(name for names in _VARIABLES.values() for name in names)

# Only what the user names is asked: no file of another program, and no machine that hands out keys.
_ALONE = {
    "s3": {"disable_config_load": "true", "disable_ec2_metadata": "true"},
    "gs": {"disable_config_load": "true", "disable_vm_metadata": "true"},
}
# Without it requests are not signed.
_KEYS = {"s3": "access_key_id", "az": "account_key", "gs": "credential"}
_SERVICES = {"webdavs": "webdav", "az": "azblob", "gs": "gcs"}
_PLAIN = "plain_http"


def options_of(
    root: str, file: Path | None, environ: Mapping[str, str] = os.environ
) -> tuple[str, dict[str, str]]:
    """The service's name for opendal and its options; UsageError says what to write where."""
    url = urlsplit(root)
    scheme = url.scheme
    settings = {
        ours: environ[name] for name, ours in _VARIABLES[scheme].items() if environ.get(name)
    }
    table = _table(root, file)
    for name, value in table.items():
        if name != _PLAIN and name not in _SETTINGS[scheme]:
            known = ", ".join([*_SETTINGS[scheme], _PLAIN])
            raise UsageError(f"{file}: [{shown(root)}] has {name!r}; what it may have: {known}")
        if name != _PLAIN:
            settings[name] = str(value).lower() if isinstance(value, bool) else str(value)
    options = {_SETTINGS[scheme][name]: value for name, value in settings.items()}
    options |= _ALONE.get(scheme, {})
    options["root"] = url.path or "/"
    if scheme in ("webdav", "webdavs"):
        address = f"{'https' if scheme == 'webdavs' else 'http'}://{url.netloc}"
        options |= {"endpoint": address, "root": unquote(url.path) or "/"}
    else:
        options["container" if scheme == "az" else "bucket"] = url.netloc
        address = options.get("endpoint", "https://")
        if scheme == "s3":
            options.setdefault("region", "us-east-1")
        if _KEYS[scheme] not in settings and not {"sas_token", "token"} & settings.keys():
            options["skip_signature"] = "true"
    _check_plain(root, address, table.get(_PLAIN) is True)
    return _SERVICES.get(scheme, scheme), options


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment for processes that read photos and have no business with keys."""
    return {name: value for name, value in environ.items() if name not in VARIABLES}


def _table(root: str, file: Path | None) -> Mapping[str, Any]:
    """The table of the file that is for this URL: the one with the longest part of it."""
    if file is None:
        return {}
    tables = _read(file)
    place = f"{unescaped(root)}/"
    fitting = [name for name in tables if place.startswith(f"{unescaped(name).rstrip('/')}/")]
    table = tables[max(fitting, key=len)] if fitting else {}
    if not isinstance(table, dict):
        raise UsageError(f"{file}: write what is for {shown(root)} below a line [{root!r}]")
    return table


def _read(file: Path) -> dict[str, Any]:
    try:
        with open(os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UsageError(f"--gallery-config {file} is no regular file")
            if status.st_mode & 0o077:
                raise UsageError(
                    f"--gallery-config {file} can be read by others; run: chmod 600 {file}"
                )
            return tomllib.loads(opened.read(FILE_BYTES).decode())
    except OSError as error:
        raise UsageError(f"--gallery-config {file} can't be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):  # its own message may quote a key
        raise UsageError(f"--gallery-config {file} is not TOML; see docs/remote.md") from None


def _check_plain(root: str, address: str, allowed: bool) -> None:
    url = urlsplit(address)
    if url.scheme not in ("http", "https") or "@" in url.netloc or url.query:
        raise UsageError(f"the endpoint of {shown(root)} is not an https:// address")
    if url.scheme == "http" and not allowed and not _is_loopback(url.hostname or ""):
        raise UsageError(
            f"{shown(root)} is reached without encryption: keys and photos can be read on the way; "
            f"use https, or write {_PLAIN} = true in the file of --gallery-config"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
