"""The data sheet: what is stored, for how long, and who can read it, from the settings and data of this moment."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from threads.models import Assistant, Event, Mandate, Notice, Thread, User
from threads.models.export import KEPT_HOURS
from threads.models.thread import UNDO_DAYS
from threads.models.user import has_one_of

RIGHTS = {
    "review_threads": _("may be named in a mandate as auditors, and read under it while it is in force"),
    "propose_mandate": _("propose mandates"),
    "release_mandate": _("release or refuse mandates and the revealing of names, and revoke mandates"),
    "view_event": _("read the log, which holds no texts of conversations"),
    "view_insights": _("see figures on the use of the site"),
}


@dataclass(frozen=True)
class Right:
    what: Promise | str
    people: int


@dataclass(frozen=True)
class Grant:
    """A mandate, as the sheet tells of it: with functions, and no names of people."""

    mandate: Mandate
    auditors: int
    proposed_as: str
    released_as: str


@dataclass(frozen=True)
class DataSheet:
    made_at: datetime
    notice: Notice | None
    assistants: list[Assistant]
    hosts: dict[str, list[str]]  # of APIs, with the assistants there
    rights: list[Right]
    administrators: int
    grants: list[Grant]
    head: str

    @property
    def operator(self) -> str:
        return settings.ENVIRONMENT.operator_name

    @property
    def contact(self) -> str:
        return settings.ENVIRONMENT.data_protection_contact

    @property
    def four_eyes(self) -> bool:
        return settings.ENVIRONMENT.four_eyes

    @property
    def undo_days(self) -> int:
        return UNDO_DAYS

    @property
    def export_hours(self) -> int:
        return KEPT_HOURS

    @property
    def session_days(self) -> int:
        return settings.SESSION_COOKIE_AGE // (24 * 3600)


def data_sheet() -> DataSheet:
    """As of now, in a fixed number of queries."""
    assistants = list(_assistants())
    counts = User.objects.filter(is_active=True).aggregate(
        administrators=Count("pk", filter=Q(is_staff=True)),
        **{right: Count("pk", filter=has_one_of(right)) for right in RIGHTS},
    )
    return DataSheet(
        made_at=timezone.now(),
        notice=Notice.objects.in_force(),
        assistants=assistants,
        hosts=_hosts(assistants),
        rights=[Right(what, counts[right]) for right, what in RIGHTS.items()],
        administrators=counts["administrators"],
        grants=[_grant(mandate) for mandate in _mandates()],
        head=Event.objects.head(),
    )


def _assistants() -> QuerySet[Assistant]:
    """Those that are offered, and those of which there still are conversations."""
    threads = Thread.objects.filter(assistant=OuterRef("pk"))
    return Assistant.objects.filter(Q(is_active=True) | Exists(threads)).select_related("connection")


def _hosts(assistants: list[Assistant]) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    for assistant in assistants:
        host = urlsplit(assistant.connection.base_url).hostname or ""
        hosts.setdefault(host, []).append(assistant.name)
    return hosts


def _mandates() -> QuerySet[Mandate]:
    """All that were ever released, also those that have ended; without those that are disclosed later."""
    released = Mandate.objects.disclosed().filter(released_at__isnull=False).newest_first()
    return (
        released.select_related("proposed_by", "released_by")
        .prefetch_related("assistants", "proposed_by__groups", "released_by__groups")
        .annotate(auditors_count=Count("auditors"))
    )


def _grant(mandate: Mandate) -> Grant:
    count: int = mandate.auditors_count  # type: ignore[attr-defined]  # see `_mandates`
    return Grant(mandate, count, _function(mandate.proposed_by), _function(mandate.released_by))


def _function(user: User | None) -> str:
    """In which someone acted: the groups that she is in; people have names only under the mandate itself."""
    groups: list[Group] = list(user.groups.all()) if user else []
    return ", ".join(sorted(group.name for group in groups))
