"""Packages of npm's registry, for tests: each is downloaded once, with the checksum that it must have."""

import base64
import hashlib
import io
import os
import pathlib
import sys
import tarfile
import urllib.request


def fetch_package(home: pathlib.Path, name: str, version: str, integrity: str) -> pathlib.Path:
    """The directory with the package's files, without the directories that they have in the package.

    `integrity` is the base64 of the archive's SHA-512.
    """
    base = name.rpartition("/")[2]
    directory = home / f"{base}-{version}"
    if directory.exists():
        return directory
    address = f"https://registry.npmjs.org/{name}/-/{base}-{version}.tgz"
    with urllib.request.urlopen(address, timeout=60) as answer:
        archive = answer.read()
    if base64.b64encode(hashlib.sha512(archive).digest()).decode() != integrity:
        sys.exit(f"{address} has another checksum")
    # Another test process may be doing the same: the directory appears when it is complete.
    half = home / f"{base}-{version}-{os.getpid()}"
    half.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for file in files.getmembers():
            if file.isfile():
                (half / pathlib.PurePosixPath(file.name).name).write_bytes(files.extractfile(file).read())
    try:
        half.rename(directory)
    except OSError:
        if not directory.exists():
            raise
    return directory
