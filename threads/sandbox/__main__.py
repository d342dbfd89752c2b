"""Runs the sandbox alone: python -m threads.sandbox [--host …] [--port …] [--fast]"""

import argparse
import asyncio
import contextlib
import logging

from . import API_KEY, Sandbox
from .server import serve

parser = argparse.ArgumentParser(
    prog="python -m threads.sandbox", description="A stand-in for the completions API."
)
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8765)
parser.add_argument("--fast", action="store_true", help="answer at once")


async def main() -> None:
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    app = Sandbox(delay=(0, 0)) if options.fast else Sandbox()
    async with serve(app, host=options.host, port=options.port) as base_url:
        logging.getLogger(__name__).info("The sandbox answers at %s; api-key: %s", base_url, API_KEY)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
