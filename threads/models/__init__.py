"""The domain. State changes are methods here, and callers use nothing else."""

from threads.models.assistant import Assistant
from threads.models.case import Alias, Case, Progress, SampledWeek
from threads.models.connection import Connection
from threads.models.event import Event, Happening, Kind
from threads.models.export import Export, ExportKind, ExportPart, ExportState, Lost, Step
from threads.models.feedback import Feedback, Rating, Reason
from threads.models.finding import Finding, Severity, Verdict
from threads.models.mandate import Mandate, NotAllowed, Status
from threads.models.message import IllegalTransition, Message, Role, State
from threads.models.notice import Acknowledgement, Notice, with_what_is_owed
from threads.models.reveal import Reveal
from threads.models.scope import Selection
from threads.models.slot import Slot
from threads.models.source import Source
from threads.models.thread import Shelf, Thread
from threads.models.user import ReadingWidth, Theme, User, with_rights
from threads.models.worker import Worker

__all__ = [
    "Acknowledgement",
    "Alias",
    "Assistant",
    "Case",
    "Connection",
    "Event",
    "Export",
    "ExportKind",
    "ExportPart",
    "ExportState",
    "Feedback",
    "Finding",
    "Happening",
    "IllegalTransition",
    "Kind",
    "Lost",
    "Mandate",
    "Message",
    "NotAllowed",
    "Notice",
    "Progress",
    "Rating",
    "ReadingWidth",
    "Reason",
    "Reveal",
    "Role",
    "SampledWeek",
    "Selection",
    "Severity",
    "Shelf",
    "Slot",
    "Source",
    "State",
    "Status",
    "Step",
    "Theme",
    "Thread",
    "User",
    "Verdict",
    "Worker",
    "with_rights",
    "with_what_is_owed",
]
