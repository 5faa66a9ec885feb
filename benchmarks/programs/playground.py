"""Trains in the playground, with the real server and Chromium on the given cores; counts frames.

Chromium has no screen and no graphics card here: it rasters on the processor, so a usual computer
is faster. A frame counts when the page has drawn it in an animation frame of its own, which
Chromium holds back while earlier ones are not rastered.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
WARM = 2.0  # seconds until code is compiled and the pace is steady

# Counts frames that were drawn, and times what the page does for one.
COUNT = """
window.measured = { drawn: 0, read: [], draw: [] };
const post = window.fetch, wait = window.requestAnimationFrame.bind(window);
window.fetch = (path, options) => {
  if (options && options.body && options.body.includes('"do":"drawn"')) measured.drawn += 1;
  return post(path, options); };
const timed = (times, action) => (...given) => {
  const start = performance.now(); action(...given); times.push(performance.now() - start); };
window.requestAnimationFrame = (action) => wait(timed(measured.draw, action));
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, action) {
  listen.call(this, name, name === "frame" ? timed(measured.read, action) : action); };
"""


def cpu(pid):
    """Return the processor seconds of a process and of each of its children, by their kind."""
    seconds = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
            line = (folder / "cmdline").read_text("utf-8").replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        seconds[int(folder.name)] = (int(fields[1]), line, (int(fields[11]) + int(fields[12])))
    tick, found = os.sysconf("SC_CLK_TCK"), {}
    for one, (_, line, ticks) in seconds.items():
        parents, at = [one], one
        while at in seconds and at != pid:
            at = seconds[at][0]
            parents.append(at)
        if pid in parents and "chrom" in line.partition(" ")[0]:
            kind = re.search(r"--type=([a-z-]+)", line)
            kind = kind[1] if kind else "browser"
            found[kind] = found.get(kind, 0.0) + ticks / tick
    return found


def server_cpu(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(page, process, seconds):
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_timeout(1000 * WARM)
    reset = "measured.drawn = measured.read.length = measured.draw.length = 0, performance.now()"
    begin, own, server = page.evaluate(reset), cpu(os.getpid()), server_cpu(process)
    time.sleep(seconds)
    found = page.evaluate("({ ...measured, now: performance.now() })")
    wall = (found["now"] - begin) / 1e3
    after = cpu(os.getpid())
    busy = {kind: (after[kind] - own.get(kind, 0.0)) / wall for kind in after}
    busy["server"] = (server_cpu(process) - server) / wall
    return {
        "frames_a_second": found["drawn"] / wall,
        "draw_ms": sum(found["draw"]) / max(1, found["drawn"]),
        "read_ms": sum(found["read"]) / max(1, len(found["read"])),
        "busy": busy,
        "load": os.getloadavg()[0],
    }


def main():
    state, cores, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    command = [sys.executable, "-m", "nn", "playground", "--no-browser", "--state", state]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().partition(" (")[0]
        with sync_playwright() as engine:
            browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.add_init_script(COUNT)
            page.goto(address)
            page.wait_for_selector("body.ready", timeout=60_000)
            result = measure(page, process, seconds)
            browser.close()
    finally:
        process.kill()
        process.wait()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
