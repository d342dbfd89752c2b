"""How long after the API's answer is the text in the browser?

    uv run python -m benchmarks.latency [ROUNDS]

A stub of the API notes the moment at which it has written an answer; Chromium notes, in the page, the moment
at which the answer's text has been painted. Both read the same machine's clock. Between them lie: parsing,
storing, NOTIFY, the waiting request, Django's rendering, htmx's swap, layout, paint.
"""

import statistics
import sys

from benchmarks.site import DONE, Api, ask, signed_in_page

# Resolves to the time, in milliseconds since 1970, at which the next answer is painted.
WATCH = """
(done) => {
  window.painted = new Promise(resolve => {
    const before = document.querySelectorAll(done).length;
    new MutationObserver((_, observer) => {
      if (document.querySelectorAll(done).length > before) {
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.timeOrigin + performance.now())));
      }
    }).observe(document.querySelector("#log"), {childList: true, subtree: true, attributes: true});
  });
}
"""


def main(rounds: int) -> None:
    delays = []
    with signed_in_page() as page:
        ask(page, "Aufwärmen?")
        page.wait_for_selector(DONE)
        for number in range(rounds):
            page.evaluate(WATCH, DONE)
            ask(page, f"Frage {number}?")
            delays.append(page.evaluate("window.painted") - Api.answered[-1])
    delays.sort()
    median, p95 = statistics.median(delays), delays[int(rounds * 0.95)]
    print(f"{rounds} answers: median {median:.1f} ms, p95 {p95:.1f} ms, longest {delays[-1]:.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
