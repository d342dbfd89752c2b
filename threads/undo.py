"""The way back that goes along with a message to the user: in the message's tags, as Django's messages have no more."""

from threads.models import Shelf, Thread

_UNDO = "undo:"


def undo_tag(thread: Thread, shelf: Shelf) -> str:
    """Of a message that can be taken back: back to `shelf`. See `undo_of`."""
    return f"{_UNDO}{thread.pk}/{shelf}"


def undo_of(tag: str) -> tuple[str, str] | None:
    """The conversation's id, and the shelf."""
    if not tag.startswith(_UNDO):
        return None
    thread_id, shelf = tag.removeprefix(_UNDO).split("/")
    return thread_id, shelf
