#!/usr/bin/env python3
"""Measures apply and plan on the embedded cloud for several numbers of venues, in one run: seconds, peak memory, bytes
of the state, and how much more a venue takes among many than among few. The memory of a plan of one venue is that of the
program and its libraries; the rest, also of the embedded cloud, which is in the same process, is of the venues. The last plan
reads the same cloud at a port of another process, as one of AWS reads a network: its memory is what a plan takes.

    benches/local_scale.py [--deployer PATH] [--artifact PATH] [VENUES...]

By default 100 and 1,000 venues, with target/release/deployer (`cargo build --release` makes it) and a script as the
function's code. Quotas are raised first, as AWS would on request. Nothing reaches a network.
"""

import argparse
import os
import pathlib
import re
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def write_manifest(directory, venues):
    lines = ['[deployment]\nname = "sync"\nregion = "us-east-1"\n']
    for number in range(venues):
        lines.append(
            f'[venues.v{number:05}]\ndisplay_name = "Venue {number:05}"\n'
            f'[venues.v{number:05}.secrets]\nhubspot_token = "env:TOKEN"\ntripleseat_public_key = "env:KEY_{number}"\n'
            f'[venues.v{number:05}.destination]\nkind = "tripleseat"\n'
        )
    (directory / "venues.toml").write_text("\n".join(lines))


def run(deployer, directory, environment, arguments):
    """Seconds, peak memory in MB, what it printed."""
    with tempfile.TemporaryFile() as output:
        begun = time.monotonic()
        child = subprocess.Popen(
            [deployer, *arguments], cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - begun
        output.seek(0)
        text = output.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise SystemExit(f"deployer {' '.join(arguments)} ended with {code}:\n{text[-3000:]}")
    return seconds, usage.ru_maxrss / 1024, text


def plan_over_network(deployer, directory, environment, artifact, state):
    """A full plan without the cloud in its process."""
    serve = ["cargo", "run", "--quiet", "-p", "deployer-cloud", "--example", "serve_cloud", "--", str(state)]
    with subprocess.Popen(serve, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            endpoint = f"http://127.0.0.1:{int(server.stdout.readline())}"
            credentials = {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
            arguments = ["plan", "--refresh", "full", "--artifact", str(artifact)]
            return run(deployer, directory, environment | credentials, arguments)
        finally:
            server.stdin.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployer", default=str(ROOT / "target/release/deployer"))
    parser.add_argument("--artifact")
    parser.add_argument("venues", nargs="*", type=int, default=[100, 1000])
    options = parser.parse_args()
    print(f"benches/local_scale.py --deployer {options.deployer} {' '.join(map(str, options.venues))}")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    raise_quotas = ["cargo", "run", "--quiet", "-p", "deployer-cloud", "--example", "raise_quotas", "--"]
    rows = []
    program = alone = None
    for venues in [1, *options.venues]:
        with tempfile.TemporaryDirectory() as temporary:
            directory = pathlib.Path(temporary)
            write_manifest(directory, venues)
            artifact = options.artifact
            if artifact is None:
                artifact = directory / "bootstrap"
                artifact.write_text("#!/bin/sh\nexit 1\n")
            environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "TOKEN": "made-up"}
            environment |= {f"KEY_{number}": f"made-up-{number}" for number in range(venues)}
            state = directory / ".deployer/cloud.json"
            subprocess.run([*raise_quotas, state, "us-east-1", "100000"], check=True, cwd=ROOT)
            common = ["--local", "--artifact", str(artifact)]
            apply = run(options.deployer, directory, environment, ["apply", "--yes", *common])
            created = re.search(r"([\d,]+) created", apply[2])
            size = state.stat().st_size
            fast = run(options.deployer, directory, environment, ["plan", "--refresh", "fast", *common])
            full = run(options.deployer, directory, environment, ["plan", "--refresh", "full", *common])
            apart = plan_over_network(options.deployer, directory, environment, artifact, state)
            if program is None:
                program, alone = full[1], apart[1]
                print(f"     1 venue: a full plan takes {program:.0f} MB, most of it the program itself", flush=True)
                print(f"              {alone:.0f} MB without the cloud\n", flush=True)
                continue
            rows.append((venues, apply, fast, full, size))
            print(f"{venues:>6} venues, {created.group(1) if created else '?'} resources", flush=True)
            for name, (seconds, memory, _) in [("first apply", apply), ("no change, fast", fast), ("no change, full", full)]:
                print(f"        {name:<16} {seconds:8.2f} s  {seconds / venues * 1000:7.2f} ms a venue  {memory:6.0f} MB, {memory - program:.0f} MB more than one venue")
            print(f"        full, by network {apart[0]:8.2f} s  {apart[0] / venues * 1000:7.2f} ms a venue  {apart[1]:6.0f} MB, {apart[1] - alone:.0f} MB more than one venue")
            print(f"        state            {size / 1e6:8.2f} MB {size / venues / 1000:7.2f} KB a venue\n", flush=True)
    first, last = rows[0], rows[-1]
    if first is not last:
        factor = last[0] / first[0]
        print(f"From {first[0]} to {last[0]} venues ({factor:.0f} times as many):")
        for name, index in [("first apply", 1), ("no change, fast", 2), ("no change, full", 3)]:
            print(f"        {name:<16} {last[index][0] / first[index][0]:8.1f} times the time")
        print(f"        state            {last[4] / first[4]:8.1f} times the bytes")


if __name__ == "__main__":
    main()
