"""The domain. State changes are methods here, and callers use nothing else."""

from threads.models.assistant import Assistant
from threads.models.connection import Connection
from threads.models.feedback import Feedback, Rating, Reason
from threads.models.message import IllegalTransition, Message, Role, State
from threads.models.notice import Acknowledgement, Notice, with_what_is_owed
from threads.models.slot import Slot
from threads.models.source import Source
from threads.models.thread import Shelf, Thread
from threads.models.user import ReadingWidth, Theme, User
from threads.models.worker import Worker

__all__ = [
    "Acknowledgement",
    "Assistant",
    "Connection",
    "Feedback",
    "IllegalTransition",
    "Message",
    "Notice",
    "Rating",
    "ReadingWidth",
    "Reason",
    "Role",
    "Shelf",
    "Slot",
    "Source",
    "State",
    "Theme",
    "Thread",
    "User",
    "Worker",
    "with_what_is_owed",
]
