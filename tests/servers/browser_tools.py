"""Prints what the tests of pages need, as JSON: `browser_tools.py HOME`.

- `axe`: the file of axe-core.
- `chromium`: the program of $DEPLOYER_CHROMIUM or of this machine. `build.rs` looks for the same.
"""

import json
import os
import pathlib
import shutil
import sys

# Its compiled form would be an untracked file.
sys.dont_write_bytecode = True
from npm_package import fetch_package  # noqa: E402

AXE = (
    "axe-core",
    "4.14.1",
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]


def main() -> None:
    home = pathlib.Path(sys.argv[1])
    program = os.environ.get("DEPLOYER_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        sys.exit("there is no Chromium: install it, or set DEPLOYER_CHROMIUM")
    axe = fetch_package(home, *AXE) / "axe.min.js"
    print(json.dumps({"axe": str(axe), "chromium": program}))


main()
