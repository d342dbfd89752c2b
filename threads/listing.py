"""The list of one's conversations: pages of it, in groups by date."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from threads.days import monday_of
from threads.models import Shelf, Thread, User
from threads.models.thread import ThreadQuerySet

PER_PAGE = 30
RECENT = 5  # shown on the home page
_URL_NAMES = {
    Shelf.LISTED: "threads:threads",
    Shelf.ARCHIVED: "threads:archived",
    Shelf.DELETED: "threads:deleted",
}


@dataclass
class Group:
    label: str  # empty: it goes on with the group that the page before ended with
    threads: list[Thread] = field(default_factory=list)
    name: str = ""  # of the groups that scripts look for


@dataclass(frozen=True)
class Page:
    """`last`: what the next page follows; None: there is no more."""

    shelf: Shelf
    groups: list[Group]
    last: Thread | None

    @property
    def url(self) -> str:
        return reverse(_URL_NAMES[self.shelf])

    @property
    def recent(self) -> list[Thread]:
        return [thread for group in self.groups for thread in group.threads][:RECENT]

    def shows(self, thread: Thread) -> bool:
        return any(thread in group.threads for group in self.groups)

    @property
    def is_empty(self) -> bool:
        return not self.groups


def page_of(threads: ThreadQuerySet, shelf: Shelf, before: Thread | None = None) -> Page:
    """Of the conversations on `shelf`, newest first, what follows `before`; on the first page of the list, and
    above it, those that are pinned. Two queries at the most."""
    pinned = []
    if shelf == Shelf.LISTED and not before:
        pinned = list(_with_all(threads.on(Shelf.PINNED)).order_by("-pinned_at"))
    found = _with_all(threads.on(shelf)).newest_first()
    if shelf == Shelf.DELETED:
        found = found.with_hold()
    if before:
        found = found.before(before)
    page = list(found[: PER_PAGE + 1])
    more, page = len(page) > PER_PAGE, page[:PER_PAGE]
    groups = list(grouped(page, timezone.localdate(), before))
    if pinned:
        groups.insert(0, Group(_("Pinned"), pinned, "pinned"))
    return Page(shelf, groups, page[-1] if more else None)


def grouped(threads: Iterable[Thread], today: date, before: Thread | None = None) -> Iterable[Group]:
    """By the day of the last question, in local time: today, yesterday, this week (from Monday), months."""
    label = label_of(before, today) if before else None
    group: Group | None = None
    for thread in threads:
        of_this = label_of(thread, today)
        if group is None or of_this != label:
            if group:
                yield group
            group = Group(of_this if of_this != label else "", name="today" if of_this == _("Today") else "")
            label = of_this
        group.threads.append(thread)
    if group:
        yield group


def label_of(thread: Thread, today: date) -> str:
    day = timezone.localdate(thread.asked_at)
    if day >= today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    if day >= monday_of(today):
        return _("This week")
    return date_format(day, "YEAR_MONTH_FORMAT")


def side_bar_of(user: User) -> Page:
    return page_of(Thread.objects.visible_to(user), Shelf.LISTED)


def _with_all(threads: ThreadQuerySet) -> ThreadQuerySet:
    return threads.with_waiting().select_related("assistant")
