#!/usr/bin/env python3
"""Records commands on a terminal of 80 columns as an animated SVG: docs/recording.svg, which opens the README.

    cargo build --workspace --bins && python3 docs/record.py target/debug/deployer

Starts `deployer dev` with the example manifest in a temporary directory, and types the commands below. Everything that
the recording shows was printed by them. Needs python3, and `bootstrap` beside the deployer.
"""

import html
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import fcntl
import termios

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS, ROWS = 80, 26
COMMANDS = [
    "deployer status --local",
    "deployer venue pause venue-b",
    "deployer plan --local",
    "deployer apply --local --yes",
    "deployer apply --local --yes",
    "deployer verify venue-a --local --now",
]
# Seconds for which a frame stays, at least: for one that is read, and for one of a command's progress.
READ, PROGRESS, TYPED = 3.0, 0.25, 0.8

# A palette with a contrast of at least 4.5 on the background.
BACKGROUND, TEXT = "#16181d", "#d8dce4"
COLORS = {31: "#ff7b80", 32: "#7fd88f", 33: "#e9c46a", 34: "#7fb4ff", 35: "#d7a3ff", 36: "#6fd3d8", 90: "#9aa3b2"}


class Terminal:
    """As much of a terminal as the commands use: colors, returning to the start of the line, going up, erasing."""

    def __init__(self):
        self.rows, self.row, self.column, self.style = [[]], 0, 0, (None, False, False)

    def write(self, text):
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|[^\x1b]|\x1b", text):
            if part.startswith("\x1b["):
                self.control(part[2:-1], part[-1])
            elif part == "\n":
                self.row += 1
                self.grow()
            elif part == "\r":
                self.column = 0
            elif part >= " ":
                self.put(part)

    def grow(self):
        while len(self.rows) <= self.row:
            self.rows.append([])

    def put(self, letter):
        if self.column >= COLUMNS:
            self.row, self.column = self.row + 1, 0
            self.grow()
        line = self.rows[self.row]
        line.extend([(" ", (None, False, False))] * (self.column + 1 - len(line)))
        line[self.column] = (letter, self.style)
        self.column += 1

    def control(self, arguments, final):
        numbers = [int(number) for number in arguments.split(";") if number.isdigit()] or [0]
        if final == "m":
            color, bold, dim = self.style
            for number in numbers:
                if number == 0:
                    color, bold, dim = None, False, False
                elif number in (1, 2):
                    bold, dim = bold or number == 1, dim or number == 2
                elif number in (22, 39):
                    bold, dim, color = (False, False, color) if number == 22 else (bold, dim, None)
                elif number in COLORS or number - 60 in COLORS:
                    color = number if number in COLORS else number - 60
            self.style = (color, bold, dim)
        elif final == "A":
            self.row = max(0, self.row - max(1, numbers[0]))
        elif final == "K":
            del self.rows[self.row][0 if numbers[0] == 2 else self.column:]
        elif final == "J":
            del self.rows[self.row][self.column:], self.rows[self.row + 1:]
        elif final == "G":
            self.column = max(0, numbers[0] - 1)

    def screen(self):
        """The last rows, each a tuple of (letter, style)."""
        rows = [tuple(row) for row in self.rows]
        return tuple(rows[-ROWS:])


def run(command, directory, environment, terminal, frames):
    """Runs a command on a terminal; adds a frame whenever the screen has changed and stayed so for a moment."""
    child, master = pty.fork()
    if child == 0:
        os.chdir(directory)
        os.execvpe("/bin/sh", ["/bin/sh", "-c", command], environment)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    pending = b""
    while True:
        ready, _, _ = select.select([master], [], [], PROGRESS)
        if not ready:
            add_frame(frames, terminal, PROGRESS)
            continue
        try:
            data = os.read(master, 65536)
        except OSError:
            data = b""
        if not data:
            break
        pending += data
        text = pending.decode("utf-8", "ignore")
        pending = b"" if text.encode() == pending else pending[len(text.encode()):]
        terminal.write(text)
    os.close(master)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        raise SystemExit(f"{command}: exit code {code}\n" + "\n".join("".join(l for l, _ in r) for r in terminal.rows))


def add_frame(frames, terminal, seconds):
    screen = terminal.screen()
    if frames and frames[-1][0] == screen:
        frames[-1] = (screen, max(frames[-1][1], seconds))
    else:
        frames.append((screen, seconds))


def draw_row(row, number):
    spans, at = [], 0
    while at < len(row):
        end = at
        while end < len(row) and row[end][1] == row[at][1]:
            end += 1
        letters = "".join(letter for letter, _ in row[at:end])
        if letters.strip():
            color, bold, dim = row[at][1]
            shape = f' fill="{COLORS[color]}"' if color else ""
            shape += ' font-weight="bold"' if bold else ""
            shape += f' fill="{COLORS[90]}"' if dim and not color else ""
            spans.append(f'<tspan x="{16 + at * 8.43:.1f}"{shape}>{html.escape(letters)}</tspan>')
        at = end
    return f'<text y="{54 + number * 18}">{"".join(spans)}</text>' if spans else ""


def draw(frames):
    """All frames above each other, each visible for its time. Who wants no motion sees the last one."""
    total = sum(seconds for _, seconds in frames)
    style, groups, start = [], [], 0.0
    for number, (screen, seconds) in enumerate(frames):
        first, end = 100 * start / total, 100 * (start + seconds) / total
        before = f"0%,{first - 0.001:.3f}%{{visibility:hidden}}" if number else ""
        style.append(f"@keyframes f{number}{{{before}{first:.3f}%,{end - 0.001:.3f}%{{visibility:visible}}"
                     f"{end:.3f}%,100%{{visibility:{'visible' if number + 1 == len(frames) else 'hidden'}}}}}"
                     f"#f{number}{{animation:f{number} {total:.1f}s step-end infinite}}")
        rows = "".join(draw_row(row, at) for at, row in enumerate(screen))
        groups.append(f'<g id="f{number}" class="frame">{rows}</g>')
        start += seconds
    width, height = int(32 + COLUMNS * 8.43), 54 + ROWS * 18
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title">
<title id="title">A recorded terminal: status, pausing a venue, plan, apply twice, and a go-live test</title>
<style>
text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:{TEXT};white-space:pre}}
.frame{{visibility:hidden}}
{"".join(style)}
@media (prefers-reduced-motion:reduce){{.frame{{animation:none!important}}#f{len(frames) - 1}{{visibility:visible}}}}
</style>
<rect width="{width}" height="{height}" rx="8" fill="{BACKGROUND}"/>
<circle cx="20" cy="18" r="5" fill="#5c6370"/><circle cx="38" cy="18" r="5" fill="#5c6370"/><circle cx="56" cy="18" r="5" fill="#5c6370"/>
{"".join(groups)}
</svg>
"""


def install(deployer, directory):
    """A deployer with the function inside, as it is released."""
    directory.mkdir()
    installed, function = directory / "deployer", directory / "function.zip"
    installed.write_bytes(deployer.read_bytes())
    installed.chmod(0o755)
    subprocess.run([deployer, "package", "--artifact", deployer.parent / "bootstrap", "--out", function], check=True)
    architecture = {"aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    subprocess.run([HERE.parent / ".ci" / "append-functions", installed, f"{architecture}={function}"], check=True)
    return installed


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    deployer = pathlib.Path(sys.argv[1]).resolve()
    frames, terminal = [], Terminal()
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / "venues.toml").write_text((HERE.parent / "venues.toml").read_text())
        environment = {"PATH": f"{directory}/bin:/usr/bin:/bin", "HOME": directory, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        installed = install(deployer, pathlib.Path(directory) / "bin")
        start = [installed, "dev", "--port", "0", "--json", "--no-watch"]
        dev = subprocess.Popen(start, cwd=directory, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            if not any('"type":"started"' in line for line in dev.stdout):
                raise SystemExit(f"dev didn't start: {dev.wait()}")
            time.sleep(6)  # The first runs, so that there is a status to show.
            for command in COMMANDS:
                terminal.write("\x1b[32m$\x1b[0m ")
                for word in re.findall(r"\S+\s*", command):
                    terminal.write(word)
                    add_frame(frames, terminal, PROGRESS)
                add_frame(frames, terminal, TYPED)
                terminal.write("\r\n")
                run(command, directory, environment, terminal, frames)
                add_frame(frames, terminal, READ)
                terminal.write("\r\n")
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(timeout=30)
    (HERE / "recording.svg").write_text(draw(frames))
    print(f"wrote docs/recording.svg: {len(frames)} frames, {sum(s for _, s in frames):.0f} s")


if __name__ == "__main__":
    main()
