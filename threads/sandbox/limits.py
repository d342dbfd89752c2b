"""The service's rate limits (completions-api.md, Limits) as sliding windows, exact to the call."""

from collections import deque
from collections.abc import Callable, Sequence


class SlidingWindows:
    """Lets at most n calls start within any span of so many seconds, for each (n, seconds).

    Calls that are refused do not count.
    """

    def __init__(self, limits: Sequence[tuple[int, float]], clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._starts: deque[float] = deque(maxlen=max(count for count, _ in limits))

    def seconds_to_wait(self) -> float:
        """0.0 lets the call start and counts it; else how long until one could."""
        now = self._clock()
        wait = max(
            (
                self._starts[-count] + seconds - now
                for count, seconds in self._limits
                if len(self._starts) >= count
            ),
            default=0.0,
        )
        if wait > 0:
            return wait
        self._starts.append(now)
        return 0.0
