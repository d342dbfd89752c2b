"""How soon is a conversation there on a slow line and a slow machine?

    uv run python -m benchmarks.paint

A conversation of 20 messages, opened cold five times in Chromium, with the line of Lighthouse's "slow 4G" (150 ms
round trip, 1.6 Mbit/s down, 0.75 Mbit/s up) and a processor made four times slower: first and largest contentful
paint in milliseconds since the request, and the cumulative layout shift. Own scripts are measured as they go over
the wire.
"""

import statistics
import sys
from typing import Any

from playwright.sync_api import Page

from benchmarks.fleet import Promises
from benchmarks.page_weight import COUNT, EXCHANGES, watch
from benchmarks.site import DONE, Api, ask, signed_in_page

LOADS = 5
SLOW_4G = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
CPU_SLOWDOWN = 4
OBSERVE = """
window.seen = { lcp: 0, shift: 0 };
new PerformanceObserver((list) => { for (const entry of list.getEntries()) seen.lcp = entry.startTime; })
  .observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) seen.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
READ = "() => ({ ...seen, fcp: performance.getEntriesByName('first-contentful-paint')[0].startTime })"


def main() -> bool:
    promises = Promises()
    Api.seconds = 0
    with signed_in_page() as page:
        for number in range(EXCHANGES):
            ask(page, f"Welche Kündigungsfrist gilt in Fall {number}?")
            page.wait_for_function(COUNT, arg=[DONE, number + 1])
        loads = [load(page) for _ in range(LOADS)]
        for name, what in (("fcp", "first contentful paint"), ("lcp", "largest contentful paint")):
            times = [load[name] for load in loads]
            print(f"       {what}: median {statistics.median(times):.0f} ms, longest {max(times):.0f} ms")
        shift = max(load["shift"] for load in loads)
        promises.check(shift < 0.001, f"cumulative layout shift: {shift:.4f}")
        own = loads[0]["script"] / 1000
        promises.check(own <= 10, f"own JavaScript over the wire, with its headers: {own:.1f} KB")
    return promises.broken


def load(page: Page) -> dict[str, float]:
    browser = page.context.browser
    assert browser
    context = browser.new_context(storage_state=page.context.storage_state())
    cold = context.new_page()
    devtools = context.new_cdp_session(cold)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", SLOW_4G)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
    cold.add_init_script(OBSERVE)
    loads = watch(cold)
    cold.goto(page.url, wait_until="networkidle")
    cold.wait_for_timeout(1000)  # a late shift would be one too
    seen: dict[str, Any] = cold.evaluate(READ)
    seen["script"] = sum(load.size for load in loads.values() if load.path.startswith("/static/js/"))
    context.close()
    return seen


if __name__ == "__main__":
    sys.exit(main())
