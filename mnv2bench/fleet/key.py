"""The key of a fleet: a file that every machine of the fleet holds, and that nobody else may read.

It holds a private key and the certificate that goes with it. Both ends of every connection show that certificate and
accept no other one, so that whoever has the file belongs to the fleet.
"""

import hashlib
import importlib.util
import os
import re
import ssl
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mnv2bench.files import printable, sync_folder
from mnv2bench.refusals import Unavailable

MODULES = ("distributed", "cryptography", "asyncssh")
NAME = "mnv2bench fleet"  # of the certificate; nothing checks it, because the certificate itself is what is compared
OWNER_ONLY = 0o600
MOST_BYTES = 16_384  # a key has about 1,000
FIRST, LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)  # whatever a clock says, it is valid
CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n[\w+/=\n]+-----END CERTIFICATE-----\n")
PRIVATE = re.compile(r"-----BEGIN PRIVATE KEY-----\n[\w+/=\n]+-----END PRIVATE KEY-----\n")
COPY = "copy the file that fleet-serve made, or name it with --key"


@dataclass(frozen=True)
class Key:
    """The content of a fleet's key file. Its text never shows the private key."""

    certificate: str
    private: str = field(repr=False)

    @property
    def name(self) -> str:
        """Eight letters that tell two keys apart, and that anybody may see."""
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.certificate)).hexdigest()
        return f"{digest[:4]}-{digest[4:8]}"

    @property
    def text(self) -> str:
        """What the file holds."""
        return self.private + self.certificate


def require_fleet() -> None:
    """Raise Unavailable, with the command that helps, where a package of the extra `fleet` is not installed."""
    for module in MODULES:
        if importlib.util.find_spec(module) is None:
            raise Unavailable(f"{module} is not installed: pip install 'mnv2bench[fleet]'")


def default_path() -> Path:
    """Where a user's key is, unless --key names another file. ValueError where no home folder is known."""
    if folder := os.environ.get("XDG_CONFIG_HOME"):
        if not Path(folder).is_absolute():
            raise ValueError(f"XDG_CONFIG_HOME is {folder!r}, a relative path: name the fleet's key with --key")
        return Path(folder) / "mnv2bench" / "fleet.key"
    try:
        return Path("~/.config/mnv2bench/fleet.key").expanduser()
    except RuntimeError as error:
        raise ValueError("no home folder is known: name the fleet's key with --key") from error


def read(path: Path) -> Key:
    """The key of a file. ValueError, in one line, where it is no key or where others may read or change it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for its writer
        try:
            _require_private(path, os.fstat(descriptor))
            text = os.read(descriptor, MOST_BYTES).decode("ascii", "replace")
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise ValueError(f"there is no key of a fleet at {printable(path)}: {COPY}") from error
    except OSError as error:
        raise ValueError(f"the key {printable(path)} cannot be read ({error.strerror}): {COPY}") from error
    certificate, private = CERTIFICATE.search(text), PRIVATE.search(text)
    if not certificate or not private:
        raise ValueError(f"{printable(path)} is no key of a fleet: {COPY}")
    return Key(certificate[0], private[0])


def make(path: Path) -> Key:
    """Write a new key into a file that only its owner may read. ValueError where it cannot be written."""
    key = new_key()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key.text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise ValueError(
            f"the key {printable(path)} cannot be written ({error.strerror}): name another file"
        ) from error
    sync_folder(path.parent)
    return key


def new_key() -> Key:
    """A new private key, and a certificate of it that it signed itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FIRST)
        .not_valid_after(LAST)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    return Key(
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode("ascii"),
        private=private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode("ascii"),
    )


def _require_private(path: Path, status: os.stat_result) -> None:
    """ValueError unless a file is an ordinary one that only this user may read and change."""
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{printable(path)} is no ordinary file, and no key of a fleet: {COPY}")
    if status.st_mode & 0o077:
        raise ValueError(
            f"others may read or change the key {printable(path)}, so that it proves nothing: make a new one, or if "
            f"you know that nobody did, chmod 600 {printable(path)}"
        )
    if status.st_uid not in (os.geteuid(), 0):
        raise ValueError(f"the key {printable(path)} belongs to another user: {COPY}")
