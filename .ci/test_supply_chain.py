"""Tests of `.ci/sbom` and `.ci/check-supply-chain`: `python3 .ci/test_supply_chain.py`."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from unittest import mock

HERE = pathlib.Path(__file__).resolve().parent


def load_script(name):
    loader = SourceFileLoader(name.replace("-", "_"), str(HERE / name))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


sys.dont_write_bytecode = True
SBOM, CHECK = load_script("sbom"), load_script("check-supply-chain")
# Of the released archives; one of them is cross-compiled, so its build scripts are another platform's.
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")
TARGET = TARGETS[0]
# Only for tests and benchmarks.
DEV_ONLY = {"insta", "proptest", "criterion"}


class SbomTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.every = {
            (package, target): SBOM.describe_binary(package, binary, target)
            for package, binary in SBOM.BINARIES.items()
            for target in TARGETS
        }
        cls.boms = {package: bom for (package, target), bom in cls.every.items() if target == TARGET}

    def test_has_the_members_that_the_format_requires(self):
        for bom in self.every.values():
            self.assertEqual((bom["bomFormat"], bom["specVersion"], bom["version"]), ("CycloneDX", "1.6", 1))
            self.assertRegex(bom["serialNumber"], r"^urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
            subject = bom["metadata"]["component"]
            self.assertEqual(subject["type"], "application")
            refs = [subject["bom-ref"], *(found["bom-ref"] for found in bom["components"])]
            self.assertEqual(len(refs), len(set(refs)), "each reference is there once")
            for found in bom["components"]:
                self.assertEqual(found["type"], "library")
                self.assertIn(found["scope"], ("required", "excluded"))
                self.assertEqual(found["purl"], f"pkg:cargo/{found['name']}@{found['version']}")
                self.assertTrue(found["licenses"], found["name"])
            edges = {edge["ref"]: edge["dependsOn"] for edge in bom["dependencies"]}
            self.assertEqual(set(edges), set(refs))
            for used in edges.values():
                self.assertLessEqual(set(used), set(refs))

    def test_every_package_of_the_registry_has_its_checksum(self):
        lock = tomllib.loads((SBOM.HERE / "Cargo.lock").read_text())
        locked = {(found["name"], found["version"]): found.get("checksum") for found in lock["package"]}
        for bom in self.boms.values():
            for found in bom["components"]:
                checksum = locked[(found["name"], found["version"])]
                hashes = [entry["content"] for entry in found.get("hashes", [])]
                self.assertEqual(hashes, [checksum] if checksum else [], found["name"])
                self.assertTrue(checksum is None or re.fullmatch("[0-9a-f]{64}", checksum))

    def test_has_the_whole_closure_and_nothing_of_tests(self):
        for (package, _), bom in self.every.items():
            names = {found["name"] for found in bom["components"]} | {package}
            self.assertFalse(names & DEV_ONLY)
            # Everything is reached from the binary, so nothing is listed that it doesn't use.
            edges = {edge["ref"]: edge["dependsOn"] for edge in bom["dependencies"]}
            reached, waiting = set(), [bom["metadata"]["component"]["bom-ref"]]
            while waiting:
                ref = waiting.pop()
                if ref not in reached:
                    reached.add(ref)
                    waiting.extend(edges[ref])
            self.assertEqual(reached, set(edges))
            # And every dependency that the package's own manifest names is listed.
            folder = SBOM.HERE / "sync-lambda" if package == "sync-lambda" else SBOM.HERE
            manifest = tomllib.loads((folder / "Cargo.toml").read_text())
            self.assertLessEqual(set(manifest["dependencies"]), names)

    def test_the_function_has_less_than_the_deployer(self):
        function = {found["name"] for found in self.boms["sync-lambda"]["components"]}
        self.assertIn("lambda_runtime", function)
        self.assertFalse(function & {"clap", "deployer-core", "aws-sdk-iam"})
        required = {found["name"]: found["scope"] for found in self.boms["sync-lambda"]["components"]}
        self.assertEqual((required["serde"], required["serde_derive"]), ("required", "excluded"))

    def test_same_sources_give_the_same_bytes(self):
        again = SBOM.describe_binary("sync-lambda", "bootstrap", TARGET)
        self.assertEqual(json.dumps(again), json.dumps(self.boms["sync-lambda"]))


class AdvisoriesTest(unittest.TestCase):
    def check_with(self, packages):
        with tempfile.TemporaryDirectory() as directory:
            reviewed = pathlib.Path(directory) / "advisories.json"
            reviewed.write_text(json.dumps({"date": "2026-01-01", "commit": "0", "without_advisories": packages}))
            with mock.patch.object(CHECK, "REVIEWED", reviewed):
                CHECK.check_reviewed_advisories()

    def test_versions_that_were_not_checked_fail(self):
        locked = CHECK.locked_packages()
        self.check_with([*locked, "removed 1.0.0"])
        with self.assertRaisesRegex(SystemExit, re.escape(locked[0])):
            self.check_with(locked[1:])

    def test_the_file_names_the_state_of_the_database(self):
        reviewed = json.loads(CHECK.REVIEWED.read_text())
        self.assertRegex(reviewed["commit"], "^[0-9a-f]{40}$")
        self.assertRegex(reviewed["date"], r"^\d{4}-\d\d-\d\d$")


class DenyTest(unittest.TestCase):
    """cargo-deny really refuses what deny.toml doesn't allow."""

    def run_with(self, old, new):
        with tempfile.TemporaryDirectory() as directory:
            config = pathlib.Path(directory) / "deny.toml"
            text = (CHECK.HERE / "deny.toml").read_text()
            self.assertIn(old, text)
            config.write_text(text.replace(old, new, 1))
            command = [CHECK.find_cargo_deny(), "--offline", "--config", config, "check", "licenses", "bans", "sources"]
            return subprocess.run(command, cwd=CHECK.HERE, capture_output=True, text=True)

    def test_a_license_that_is_not_allowed_fails(self):
        ran = self.run_with('    "MIT",\n', "")
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("rejected", ran.stderr)

    def test_a_banned_crate_fails(self):
        ran = self.run_with('{ crate = "serde_yaml"', '{ crate = "serde"')
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("serde", ran.stderr)

    def test_a_second_version_fails(self):
        ran = self.run_with('    { crate = "base64@0.22", reason = "lambda_runtime" },\n', "")
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("duplicate entries for crate 'base64'", ran.stderr)


if __name__ == "__main__":
    unittest.main()
