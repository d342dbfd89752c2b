"""What does a conversation cost over the wire, cold, and then for each exchange?

    uv run python -m benchmarks.page_weight

A conversation of 20 messages, each answer with three sources; headers and bodies as Chromium counts them.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

from benchmarks.site import DONE, Api, ask, signed_in_page

EXCHANGES = 10
COUNT = "([selector, count]) => document.querySelectorAll(selector).length === count"


def main() -> None:
    Api.seconds = 0
    with signed_in_page() as page:
        for number in range(EXCHANGES):
            ask(page, f"Welche Kündigungsfrist gilt in Fall {number}?")
            page.wait_for_function(COUNT, arg=[DONE, number + 1])
        browser = page.context.browser
        assert browser
        cold = browser.new_context(storage_state=page.context.storage_state()).new_page()
        loads = watch(cold)
        cold.goto(page.url, wait_until="networkidle")
        cold.wait_for_timeout(500)  # the icon comes late
        report("cold page", loads)
        loads.clear()
        Api.seconds = 0.5
        ask(cold, "Und dann?")
        cold.wait_for_function(COUNT, arg=[DONE, EXCHANGES + 1])
        cold.wait_for_timeout(500)
        report("one exchange", loads)


@dataclass
class Load:
    path: str
    size: int = 0  # bytes over the wire, headers included


def watch(page: Page) -> dict[str, Load]:
    """What `page` loads from now on, by Chromium's request id."""
    loads: dict[str, Load] = {}

    def begun(event: dict[str, Any]) -> None:
        loads[event["requestId"]] = Load(urlsplit(event["request"]["url"]).path)

    def finished(event: dict[str, Any]) -> None:
        loads[event["requestId"]].size = int(event["encodedDataLength"])

    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on("Network.requestWillBeSent", begun)
    devtools.on("Network.loadingFinished", finished)
    return loads


def report(what: str, loads: dict[str, Load]) -> None:
    print(f"{what}: {len(loads)} requests, {sum(load.size for load in loads.values()) / 1000:.1f} KB")
    for load in loads.values():
        print(f"  {load.size:6} {load.path}")


if __name__ == "__main__":
    main()
