"""Addresses in the site: names of files that any host can serve, made from texts that anybody may have written."""

import hashlib
import re

MOST = 80  # characters of a name before its digest
DIGITS = 12  # of the digest, which tells apart what the rest of the name does not
INDEX = "index.html"
MACHINES, CASES, RUNTIMES, FILES = "machines", "cases", "runtimes", "files"
FOLDERS = (MACHINES, CASES, RUNTIMES, FILES)
UP = "../"  # from a page in one of these folders to the site's root


def page_address(folder: str, name: str, suffix: str = ".html") -> str:
    """The address of a page from the site's root, such as machines/amd-epyc-2c-e937e7b3-0123456789ab.html.

    It has lower-case letters, digits, dots, underscores and hyphens. Two names never share one, also where a disk
    ignores capitals.
    """
    readable = re.sub(r"[^a-z0-9_.]+", "-", name.lower())[:MOST].strip("-._")
    digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:DIGITS]
    return f"{folder}/{'-'.join(filter(None, (readable, digest)))}{suffix}"


def file_address(sha256: str, suffix: str) -> str:
    """The address of a measured file, which its content alone decides."""
    return f"{FILES}/{sha256[:32]}{suffix}"
