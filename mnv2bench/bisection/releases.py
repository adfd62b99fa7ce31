"""The releases of a package between two of them, as the index that pip is configured with has them."""

import re
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from mnv2bench.texts import one_line

if TYPE_CHECKING:
    from packaging.version import Version

INDEX_S = 180.0
AVAILABLE = re.compile(r"^Available versions: (.*)$", re.MULTILINE)
LEFT_OUT = re.compile(r"^\s*Skipping link: (.*?): (?:https?|file)://[^\s#]*/([^/\s#]+)", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
YANKED = "yanked"
NO_WHEEL = "it has no wheel for this Python on this machine"
NAMED_RELEASES = 8  # of an index, where the one that was named is not among them


class Release(Struct, frozen=True):
    """A release of a package or a commit of a checkout.

    `name` is what texts call it and `identity` the version or the whole hash. `date` is the day of a commit and
    `title` its first line; both are "" for a release.
    """

    name: str
    identity: str
    date: str = ""
    title: str = ""


Releases = tuple[tuple[Release, ...], dict[str, str]]  # from good to bad, and why others in between are left out


def package_releases(package: str, good: str, bad: str, pre: bool = False) -> Releases:
    """The releases from good to bad that have a wheel for this Python. `pre`: with pre-releases.

    ValueError, in one line, where there is no such package or release, or no index.
    """
    if not NAME.fullmatch(package):
        raise ValueError(f"--package {package!r} is no name of a package such as openvino")
    printed = _printed_index(package, pre)
    match = AVAILABLE.search(printed)
    if match is None:
        raise ValueError(_refusal(package, printed))
    versions = sorted(_version("the index", text) for text in match[1].split(", "))
    first = _release("--good", good, package, versions)
    last = _release("--bad", bad, package, versions)
    if not first < last:
        raise ValueError(f"--good {good} must be a release before --bad {bad}")
    chosen = [version for version in versions if first <= version <= last]
    reasons = _reasons(printed)
    between = [version for version in sorted(reasons) if first < version < last and version not in chosen]
    left_out = {str(version): reasons[version] for version in between if pre or not version.is_prerelease}
    return tuple(Release(str(version), str(version)) for version in chosen), left_out


def _printed_index(package: str, pre: bool) -> str:
    """What pip prints of a package in its index, with the files that it passes over."""
    command = [sys.executable, "-m", "pip", "-vv", "index", "versions", package, "--only-binary", ":all:"]
    try:
        ran = subprocess.run(
            [*command, "--pre"] if pre else command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=INDEX_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"the index did not answer within {INDEX_S:.0f} s: try again later") from error
    if "No module named pip" in ran.stdout:
        raise ValueError(f"pip lists the releases, and this Python has none: {sys.executable} -m ensurepip")
    return ran.stdout


def _refusal(package: str, printed: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in printed.splitlines() if line.startswith("ERROR: ")]
    reason = errors[-1] if errors else "pip printed no versions"
    return one_line(f"{package} has no release with a wheel for this Python ({reason}): correct --package")


def _version(option: str, text: str) -> "Version":
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text.strip())
    except InvalidVersion:
        raise ValueError(f"{option} {text!r} is no version such as 2026.1.0") from None


def _release(option: str, text: str, package: str, versions: "Sequence[Version]") -> "Version":
    """The release that a person names: 2025.3 is 2025.3.0."""
    version = _version(option, text)
    if version in versions:
        return version
    place = sum(other < version for other in versions)
    nearest = versions[max(0, place - NAMED_RELEASES // 2) :][:NAMED_RELEASES]
    names = ", ".join(map(str, nearest))
    raise ValueError(f"{option} {text} is no release of {package} with a wheel for this Python: near it are {names}")


def _reasons(printed: str) -> "dict[Version, str]":
    """Why files of a package were passed over, by their version; a yanked release has a wheel as well."""
    reasons: dict[Version, str] = {}
    for reason, file in LEFT_OUT.findall(printed):
        version = _version_of(file)
        if version is not None and not reasons.get(version, "").startswith(YANKED):
            reasons[version] = one_line(reason) if reason.startswith(YANKED) else NO_WHEEL
    return reasons


def _version_of(file: str) -> "Version | None":
    """The version in the name of a wheel or of an archive of sources, None where it has none."""
    from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

    with suppress(InvalidWheelFilename, InvalidSdistFilename):
        return parse_wheel_filename(file)[1] if file.endswith(".whl") else parse_sdist_filename(file)[1]
    return None
