"""The domain. State changes are methods here, and callers use nothing else."""

from threads.models.assistant import Assistant
from threads.models.connection import Connection
from threads.models.message import IllegalTransition, Message, Role, State
from threads.models.slot import Slot
from threads.models.source import Source
from threads.models.thread import Thread
from threads.models.user import User
from threads.models.worker import Worker

__all__ = [
    "Assistant",
    "Connection",
    "IllegalTransition",
    "Message",
    "Role",
    "Slot",
    "Source",
    "State",
    "Thread",
    "User",
    "Worker",
]
