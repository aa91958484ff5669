#!/usr/bin/env python3
"""How long a bootstrap takes from its start to its first request for an event, and its size.

    python3 benches/bootstrap_start.py PATH_TO_BOOTSTRAP [RUNS]

A stand-in for the Lambda runtime API takes the time; the median of RUNS starts (default 20) is printed.
"""

import os
import socket
import statistics
import subprocess
import sys
import time


def start(bootstrap: str) -> float:
    """Milliseconds from the process's start to `GET /2018-06-01/runtime/invocation/next`."""
    listener = socket.create_server(("127.0.0.1", 0))
    environment = {
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % listener.getsockname()[1],
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_REGION": "us-east-1",
        "VENUE": "bench",
        "HUBSPOT_FLAG_PROPERTY": "tripleseat_sync__bench",
        "HUBSPOT_TOKEN": "token",
        "TRIPLESEAT_PUBLIC_KEY": "key",
    }
    began = time.perf_counter()
    process = subprocess.Popen([bootstrap], env=environment)
    listener.settimeout(10)
    connection, _ = listener.accept()
    request = connection.recv(4096)
    took = (time.perf_counter() - began) * 1000
    process.kill()
    process.wait()
    assert b"/runtime/invocation/next" in request, request
    return took


def main() -> None:
    bootstrap = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    times = sorted(start(bootstrap) for _ in range(runs))
    print(f"{os.path.getsize(bootstrap) / 1000:.0f} kB; to the first request for an event: "
          f"median {statistics.median(times):.1f} ms, worst {times[-1]:.1f} ms of {runs} starts")


if __name__ == "__main__":
    main()
