"""Runs jobs: in the server's process, or in one of its own."""

import asyncio
import logging
from typing import cast

import httpx
from django.conf import settings
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector

from threads.completions import open_http

log = logging.getLogger(__name__)

# Jobs that are tried again, or waited for the one before in their thread, come with the next poll:
# Procrastinate announces new ones only.
POLL_SECONDS = 0.5
GRACE_SECONDS = 20.0  # for calls in flight when the worker is to stop
RESTART_SECONDS = 1.0  # after the worker fell over, as it does when the database is away for longer


async def run_worker(*, install_signal_handlers: bool) -> None:
    """Until a signal comes, or this task is cancelled; jobs in flight get `GRACE_SECONDS`."""
    async with open_http(read=settings.ENVIRONMENT.read_timeout) as http:
        while True:
            try:
                await work(http, install_signal_handlers=install_signal_handlers)
                return
            except Exception:
                log.exception("worker fell over", extra={"action": "worker_fell_over"})
                await asyncio.sleep(RESTART_SECONDS)


async def work(http: httpx.AsyncClient, *, install_signal_handlers: bool, wait: bool = True) -> None:
    """One worker; without `wait`, it leaves when nothing is due."""
    connector = cast(DjangoConnector, app.connector).get_worker_connector()
    async with app.with_connector(connector).open_async() as worker_app:
        log.info("worker started", extra={"action": "worker_started"})
        await worker_app.run_worker_async(
            name="answers",
            concurrency=settings.ENVIRONMENT.worker_concurrency,
            additional_context={"http": http},
            wait=wait,
            install_signal_handlers=install_signal_handlers,
            fetch_job_polling_interval=POLL_SECONDS,
            shutdown_graceful_timeout=GRACE_SECONDS,
            delete_jobs="successful",
        )
        log.info("worker stopped", extra={"action": "worker_stopped"})
