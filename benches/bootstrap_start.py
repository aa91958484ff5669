#!/usr/bin/env python3
"""Measures how long a bootstrap takes from its start to its first request for an event, and to its first request to
HubSpot, which comes after reading the secret. Also prints its size and its compressed size.

    python3 benches/bootstrap_start.py PATH_TO_BOOTSTRAP [RUNS]

Stubs of the Lambda runtime API, Secrets Manager and HubSpot take the times. The output has the median and the worst of
RUNS starts (default 20).
"""

import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import zlib

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:bench"
EVENT = {"Lambda-Runtime-Aws-Request-Id": "1", "Lambda-Runtime-Invoked-Function-Arn": FUNCTION}
SECRET = json.dumps({"SecretString": json.dumps({"HUBSPOT_TOKEN": "token", "TRIPLESEAT_PUBLIC_KEY": "key"})})


class Start:
    """One start: when each of the two requests arrived, in seconds of the performance counter."""

    def __init__(self) -> None:
        self.first_event = 0.0
        self.first_search = 0.0
        self.searched = threading.Event()


def stand_in(start: Start) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if start.first_event:
                self.searched_already()
                return
            start.first_event = time.perf_counter()
            deadline = str(int(time.time() * 1000) + 60_000)
            self.answer("{}", {**EVENT, "Lambda-Runtime-Deadline-Ms": deadline})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("x-amz-target"):
                self.answer(SECRET, {})
            elif self.path.endswith("/search"):
                start.first_search = start.first_search or time.perf_counter()
                start.searched.set()
                self.answer('{"total":0,"results":[]}', {})
            else:
                self.answer("{}", {})

        def searched_already(self) -> None:
            # Hold the request back: the process waits for its next event until it is killed.
            threading.Event().wait(1)

        def answer(self, body: str, headers: dict) -> None:
            self.send_response(200)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Ignores errors, since a killed process leaves its last response unread."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def measure(bootstrap: str) -> tuple[float, float]:
    """Milliseconds from the process's start to the first request for an event, and to the first search."""
    start = Start()
    server = stand_in(start)
    address = "127.0.0.1:%d" % server.server_address[1]
    environment = {
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_ENDPOINT_URL": "http://" + address,
        "SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:bench-aaaaaa",
        "VENUE": "bench",
        "HUBSPOT_FLAG_PROPERTY": "tripleseat_sync__bench",
        "HUBSPOT_BASE_URI": "http://" + address,
    }
    began = time.perf_counter()
    process = subprocess.Popen([bootstrap], env=environment, stdout=subprocess.DEVNULL)
    came = start.searched.wait(10)
    process.kill()
    process.wait()
    server.shutdown()
    server.server_close()
    assert came, "the bootstrap sent no search within 10 s"
    return (start.first_event - began) * 1000, (start.first_search - began) * 1000


def main() -> None:
    bootstrap = os.path.abspath(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    measured = [measure(bootstrap) for _ in range(runs)]
    with open(bootstrap, "rb") as file:
        deflated = len(zlib.compress(file.read(), 9))
    print(f"{os.path.getsize(bootstrap) / 1000:.0f} kB, {deflated / 1000:.0f} kB compressed, {runs} starts:")
    for name, times in zip(["for an event", "to HubSpot, after reading the secret"], zip(*measured)):
        print(f"  to the first request {name}: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")


if __name__ == "__main__":
    main()
