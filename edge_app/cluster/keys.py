"""Certificates of one cluster: whoever has them may run code on its machines."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_app.cluster.address import Address
from edge_app.errors import UsageError
from edge_app.host import install_with

if TYPE_CHECKING:
    from distributed.security import Security

CA, CERTIFICATE, KEY = "ca.pem", "certificate.pem", "key.pem"
_VALID_DAYS = 3650  # whoever makes a cluster makes them anew; nobody renews them by themselves
MISSING = f"several machines need an extra: {install_with('lookalike[cluster]')}"


def make_keys(folder: Path) -> None:
    """Write a new authority, and a certificate with its key that every machine of the cluster has.

    The authority's own key is thrown away: nobody can add to these certificates. UsageError where
    the folder holds some already.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        raise UsageError(MISSING) from None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (CA, CERTIFICATE, KEY):
        if (folder / name).exists():
            raise UsageError(f"{folder / name} is there already; choose another folder")
    # Nobody else signs, so the first day protects nothing; a board without a battery for its clock
    # may think that it is 1970.
    start, now = datetime(1970, 1, 1, tzinfo=UTC), datetime.now(UTC)

    def certificate(name: str, key: Any, issuer: str, signer: Any, is_ca: bool) -> Any:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

        return (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(now + timedelta(days=_VALID_DAYS))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(signer, hashes.SHA256())
        )

    authority, key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    issuer, machine = "Lookalike cluster", "Lookalike machine"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    ca = certificate(issuer, authority, issuer, authority, True).public_bytes(pem)
    own = certificate(machine, key, issuer, authority, False).public_bytes(pem)
    for name, content in ((CA, ca), (CERTIFICATE, own), (KEY, private)):
        with os.fdopen(
            os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def security_of(address: Address, folder: Path | None) -> Security | None:
    """What a connection to this address needs: certificates on both sides, but on loopback.

    UsageError where an address of another machine is not tls://, and where the files are missing,
    are no certificates, or others could read the key.
    """
    try:
        from distributed.security import Security
    except ImportError:
        raise UsageError(MISSING) from None
    if address.scheme == "tcp":
        if not address.is_loopback:
            raise UsageError(
                f"{address} is not encrypted, and whoever can connect may run code; use tls:// "
                "with certificates from: lookalike cluster-keys DIR"
            )
        return None
    if folder is None:
        raise UsageError(f"{address} needs certificates: --cluster-tls DIR")
    files = {name: folder / name for name in (CA, CERTIFICATE, KEY)}
    for file in files.values():
        if not file.is_file():
            raise UsageError(
                f"{file} is not there; copy the folder that lookalike cluster-keys made"
            )
    if files[KEY].stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{files[KEY]} can be read by others; run: chmod 600 {files[KEY]}")
    certificate, key = str(files[CERTIFICATE]), str(files[KEY])
    import ssl  # not above: an index run without a cluster has no use for it

    try:
        ssl.create_default_context(cafile=files[CA]).load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the certificates in {folder} can't be used: {error}; copy the folder that "
            "lookalike cluster-keys made"
        ) from None
    pairs = {
        f"tls_{role}_{part}": path
        for role in ("client", "scheduler", "worker")
        for part, path in (("cert", certificate), ("key", key))
    }
    return Security(tls_ca_file=str(files[CA]), require_encryption=True, **pairs)
