import asyncio
from typing import Any

from django.core.management.base import BaseCommand

from threads.answering.worker import run_worker


class Command(BaseCommand):
    help = "Answers questions, until it is told to stop (SIGTERM, Ctrl-C)."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(run_worker(install_signal_handlers=True))
