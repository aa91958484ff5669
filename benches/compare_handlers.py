#!/usr/bin/env python3
"""Compares the function with benches/handler.py, the handler that a person would write first, side by side in one run.

    python3 benches/compare_handlers.py PATH_TO_BOOTSTRAP [CONTACTS]

Prints for both, with ratios: the time from the start of the process to its first request to HubSpot, that of a run that
finds nothing, contacts a second at 60 ms (HubSpot) and 120 ms (destination) a request with no limits, CPU time of 1,000
contacts, and memory after each of five runs with CONTACTS (default 1,000) contacts. Both talk to the same stubs of Lambda's
runtime API, Secrets Manager, HubSpot and a destination, which answer at once where nothing else is said. A Python process
on Lambda also loads boto3 and the runtime's client, which handler.py doesn't: its figures are better than Lambda's.
"""

import http.server
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

FLAG = "tripleseat_sync__bench"
TICKS = os.sysconf("SC_CLK_TCK")
HERE = pathlib.Path(__file__).resolve().parent
SECRET = {"HUBSPOT_TOKEN": "token", "DESTINATION_CREDENTIAL": "credential"}


class World:
    """The vendors' state, and the events that a process is given."""

    def __init__(self) -> None:
        self.contacts: dict[str, dict] = {}
        self.leads = 0
        self.latency = (0.0, 0.0)
        self.first_search = threading.Event()
        self.searched_at = 0.0
        self.wanted = threading.Semaphore(0)
        self.began = 0.0
        self.ended_at = 0.0
        self.done = threading.Event()
        self.lock = threading.Lock()
        self.events = 0

    def flag(self, count: int) -> None:
        self.leads = 0
        self.contacts = {
            str(number): {"email": f"guest{number}@example.com", "firstname": f"Guest {number}", FLAG: "true"}
            for number in range(1, count + 1)
        }

    def flagged(self) -> list[str]:
        return [number for number, values in self.contacts.items() if values[FLAG] == "true"]


def serve(world: World) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path.endswith("/invocation/next"):
                world.wanted.acquire()
                world.events += 1
                world.began = time.perf_counter()
                deadline = str(int(time.time() * 1000) + 240_000)
                arn = "arn:aws:lambda:us-east-1:123456789012:function:bench"
                head = {"Lambda-Runtime-Aws-Request-Id": str(world.events), "Lambda-Runtime-Deadline-Ms": deadline}
                self.answer({}, {**head, "Lambda-Runtime-Invoked-Function-Arn": arn})
            elif "account-info" in self.path:
                self.answer({"portalId": 1})
            else:
                self.answer({"name": FLAG, "description": ""})

        def do_POST(self) -> None:
            body = self.body()
            if self.headers.get("x-amz-target"):
                self.answer({"SecretString": json.dumps(SECRET), "VersionId": "1"})
            elif "/runtime/" in self.path:
                world.ended_at = time.perf_counter()
                self.answer({})
                world.done.set()
            elif self.path == "/leads":
                time.sleep(world.latency[1])
                with world.lock:
                    world.leads += 1
                    number = world.leads
                self.answer({"ok": True, "id": number})
            else:
                time.sleep(world.latency[0])
                self.answer(self.hubspot(body))

        def do_PATCH(self) -> None:
            body = self.body()
            time.sleep(world.latency[0])
            number = self.path.rsplit("/", 1)[1]
            world.contacts[number].update(body["properties"])
            self.answer({"id": number})

        def hubspot(self, body: dict) -> dict:
            if self.path.endswith("/search"):
                world.searched_at = world.searched_at or time.perf_counter()
                world.first_search.set()
                found, after, limit = world.flagged(), int(body["after"] or 0), body["limit"]
                page = [{"id": number, "properties": world.contacts[number]} for number in found[after : after + limit]]
                more = {"paging": {"next": {"after": str(after + limit)}}} if after + limit < len(found) else {}
                return {"total": len(found), "results": page, **more}
            results = []
            for one in body["inputs"]:
                values = world.contacts[one["id"]]
                values.update(one.get("properties", {}))
                results.append({"id": one["id"], "properties": values, "objectWriteTraceId": one["id"]})
            return {"status": "COMPLETE", "results": results}

        def body(self) -> dict:
            text = self.rfile.read(int(self.headers.get("content-length", 0)))
            return json.loads(text) if text else {}

        def answer(self, body: dict, headers: dict | None = None) -> None:
            content = json.dumps(body).encode()
            self.send_response(200)
            for name, value in {**(headers or {}), "content-length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            """Ignores errors, since a killed process leaves its last response unread."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Process:
    def __init__(self, command: list[str], world: World) -> None:
        self.world = world
        self.server = serve(world)
        address = "127.0.0.1:%d" % self.server.server_address[1]
        destination = {
            "kind": "http", "url": f"http://{address}/leads", "auth": {"kind": "bearer"}, "success_pointer": "/ok",
            "id_pointer": "/id", "requests_per_second": 5000,
        }
        config = {"destination": destination, "fields": {"email": "email", "name": "firstname"}}
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": address, "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_ENDPOINT_URL": "http://" + address,
            "SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:bench-aaaaaa",
            "VENUE": "bench", "HUBSPOT_FLAG_PROPERTY": FLAG, "HUBSPOT_BASE_URI": "http://" + address,
            "SYNC_CONFIG": json.dumps(config),
        }
        self.started = time.perf_counter()
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self) -> float:
        """One invocation; its seconds."""
        self.world.done.clear()
        self.world.wanted.release()
        assert self.world.done.wait(300), "no response within five minutes"
        return self.world.ended_at - self.world.began

    def status_kb(self, name: str) -> int:
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith(name + ":")))

    def cpu_s(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self.server.shutdown()
        self.server.server_close()


def measure(command: list[str], contacts: int) -> dict:
    starts, figures = [], {}
    for _ in range(10):
        process = Process(command, World())
        process.run()
        starts.append((process.world.searched_at - process.started) * 1000)
        process.end()
    figures["cold start, ms"] = statistics.median(starts)
    process = Process(command, World())
    process.run()
    figures["warm run without contacts, ms"] = statistics.median(process.run() * 1000 for _ in range(20))
    memory, cpu = [], []
    for _ in range(5):
        process.world.flag(contacts)
        before = process.cpu_s()
        process.run()
        cpu.append((process.cpu_s() - before) * 1000 / contacts)
        memory.append(process.status_kb("VmRSS") / 1024)
        assert process.world.leads == contacts and not process.world.flagged(), "each is one lead"
    figures["CPU of 1,000 contacts, s"] = statistics.median(cpu)
    figures["memory at most, MB"] = process.status_kb("VmHWM") / 1024
    process.world.latency = (0.060, 0.120)
    sent = min(contacts, 400)
    process.world.flag(sent)
    figures["contacts a second"] = sent / process.run()
    process.end()
    figures["memory after each run"] = " ".join(f"{one:.1f}" for one in memory)
    return figures


def main() -> None:
    bootstrap = os.path.abspath(sys.argv[1])
    contacts = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    ours = measure([bootstrap], contacts)
    theirs = measure([sys.executable, "-S", "-E", str(HERE / "handler.py")], contacts)
    print(f"{'':32}{'function':>12}{'handler.py':>12}{'ratio':>8}")
    for name, own in ours.items():
        other = theirs[name]
        if isinstance(own, str):
            print(f"{name}: function {own} MB; handler.py {other} MB")
        else:
            ratio = own / other if name == "contacts a second" else other / own
            print(f"{name:32}{own:>12.1f}{other:>12.1f}{ratio:>8.1f}")


if __name__ == "__main__":
    main()
