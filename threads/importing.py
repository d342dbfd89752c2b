"""What an API key may use, and taking it over as assistants of a connection."""

import itertools
from collections.abc import Iterable

from asgiref.sync import async_to_sync
from django.utils.text import slugify

from threads import completions
from threads.models import Assistant, Connection

READ_SECONDS = 15  # a person waits for the page


def offered(connection: Connection) -> list[completions.Assistant]:
    """What the key may use, asked now. Raises `completions.CompletionsError`."""
    return async_to_sync(_offered)(connection.base_url, connection.api_key)


async def _offered(base_url: str, api_key: str) -> list[completions.Assistant]:
    async with completions.open_http(read=READ_SECONDS) as http:
        return await completions.Client(http, base_url=base_url, api_key=api_key).assistants()


def import_assistants(
    connection: Connection, offers: Iterable[completions.Assistant], *, licence: str = ""
) -> list[Assistant]:
    """Make an assistant of each offer, or bring the required fields of one that exists up to date.

    A new one is active unless something is missing that the API requires; returned are the new ones.
    """
    existing = {assistant.remote_id: assistant for assistant in connection.assistants.all()}
    new = []
    for offer in offers:
        assistant = existing.get(offer.id)
        if assistant:
            assistant.required_fields = offer.required_fields
            assistant.save(update_fields=["required_fields"])
            continue
        assistant = Assistant(
            connection=connection,
            remote_id=offer.id,
            name=offer.name[:100] or str(offer.id),
            slug=_free_slug(offer.name),
            required_fields=offer.required_fields,
            licence=licence if offer.requires_licence else "",
        )
        assistant.is_active = not assistant.missing_fields
        assistant.save()
        existing[offer.id] = assistant
        new.append(assistant)
    return new


def _free_slug(name: str) -> str:
    slug = slugify(name)[:80] or "assistant"
    taken = set(Assistant.objects.filter(slug__startswith=slug).values_list("slug", flat=True))
    numbered = (f"{slug}-{number}" for number in itertools.count(2))
    return next(free for free in itertools.chain([slug], numbered) if free not in taken)
