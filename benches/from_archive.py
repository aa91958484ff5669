#!/usr/bin/env python3
"""Measures a first quarter of an hour with a release archive (`.ci/dist` makes it), in an empty directory, with nothing in PATH:
seconds to install, to the first lead of `deployer dev`, to a venue applied on moto, and to an apply that changes only
configuration.

    benches/from_archive.py ARCHIVE [--moto PATH_TO_MOTO_SERVER]

moto_server is by default the one that the tests install into target/test-servers/venv.
"""

import argparse
import contextlib
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MANIFEST = """\
[deployment]
name = "installed"
region = "us-east-1"

[venues.attic]
display_name = "Loft"
memory_mb = 128

[venues.attic.secrets]
hubspot_token = "env:TOKEN"
tripleseat_public_key = "env:KEY"

[venues.attic.destination]
kind = "tripleseat"
"""


def run(command, **options):
    """Seconds, and what it printed."""
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, **options)
    seconds = time.monotonic() - begun
    if done.returncode != 0:
        raise SystemExit(f"{command} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return seconds, done.stdout


def first_lead_of_dev(deployer, directory, environment):
    """Seconds to the first lead, which `dev` measures from the loaded contacts on, and to the end of the command."""
    seconds, printed = run([deployer, "dev", "--once"], cwd=directory, env=environment)
    within = re.search(r"first lead after ([\d,]+) ms,\s+all done after ([\d,]+) ms", printed)
    if within is None:
        raise SystemExit("deployer dev --once made no lead:\n" + printed)
    first, done = (int(number.replace(",", "")) / 1000 for number in within.groups())
    return seconds - done + first, seconds


@contextlib.contextmanager
def moto(program):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=pathlib.Path)
    parser.add_argument("--moto", default=str(ROOT / "target/test-servers/venv/bin/moto_server"))
    options = parser.parse_args()
    archive = options.archive.resolve()
    print(f"benches/from_archive.py {archive.name}, {archive.stat().st_size / 1e6:.1f} MB; "
          f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as room:
        prefix, work = pathlib.Path(room, "prefix"), pathlib.Path(room, "work")
        work.mkdir()
        rows = [("installed", run(["sh", str(ROOT / "install.sh"), "--prefix", str(prefix), str(archive)])[0])]
        deployer = str(prefix / "bin/deployer")
        alone = {"PATH": "", "HOME": room}
        (work / "venues.toml").write_text((ROOT / "venues.toml").read_text())
        first, all_of_it = first_lead_of_dev(deployer, work, alone)
        rows += [("`deployer dev`: the first leads", first), ("`deployer dev --once`: all of it", all_of_it)]
        for architecture in ("x86_64", "arm64"):
            name = f"{architecture}.zip"
            seconds, _ = run([deployer, "package", "--architecture", architecture, "--out", name], cwd=work, env=alone)
            rows.append((f"`deployer package --architecture {architecture}`, {(work / name).stat().st_size / 1e6:.1f} MB", seconds))
        (work / "venues.toml").write_text(MANIFEST)
        with moto(options.moto) as address:
            cloud = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "installed", "AWS_SECRET_ACCESS_KEY": "installed"}
            environment = {**alone, **cloud, "TOKEN": "t", "KEY": "k"}
            steps = [("`deployer plan` of a new venue", ["plan"]), ("`deployer apply`", ["apply", "--yes", "--no-canary"])]
            for what, arguments in steps:
                rows.append((what, run([deployer, *arguments], cwd=work, env=environment)[0]))
            run([deployer, "plan", "--detailed-exitcode"], cwd=work, env=environment)
            (work / "venues.toml").write_text(MANIFEST.replace("memory_mb = 128", "memory_mb = 256"))
            rows.append(("`deployer apply` of a change of configuration", run([deployer, "apply", "--yes"], cwd=work, env=environment)[0]))
    for what, seconds in rows:
        print(f"{what:60}{seconds:8.2f} s")


if __name__ == "__main__":
    main()
