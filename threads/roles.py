"""Roles are Django's groups: which there are at first, and what they may. Everybody is an employee.

A superuser may all of this, too, and like everybody reads others' conversations only under a mandate.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q


@dataclass(frozen=True)
class Role:
    """`rights[0]` tells the role: as long as a group has it, whatever it is called, no other one is made."""

    name: str
    rights: tuple[str, ...]


AUDITOR = Role(
    "Prüfung",
    ("threads.review_threads", "threads.propose_mandate", "threads.view_event", "threads.view_insights"),
)
RELEASER = Role("Freigabe", ("threads.release_mandate", "threads.view_event"))
ADMIN = Role(
    "Administration",
    (
        "threads.change_connection",
        *(f"threads.{verb}_connection" for verb in ("add", "delete", "view")),
        *(f"threads.{verb}_assistant" for verb in ("add", "change", "delete", "view")),
        *(f"threads.{verb}_user" for verb in ("add", "change", "delete", "view")),
        *(f"threads.{verb}_notice" for verb in ("add", "view")),
        *(f"auth.{verb}_group" for verb in ("add", "change", "delete", "view")),
        "threads.propose_mandate",
        "threads.view_event",
        "threads.view_insights",
    ),
)
ROLES = (AUDITOR, RELEASER, ADMIN)


def make_groups(**kwargs: Any) -> None:
    """Those that are missing; after each `migrate`."""
    for role in ROLES:
        if not Group.objects.filter(_right(role.rights[0], "permissions__")).exists():
            group, _ = Group.objects.get_or_create(name=role.name)
            rights = Q()
            for right in role.rights:
                rights |= _right(right)
            group.permissions.add(*Permission.objects.filter(rights))


def _right(name: str, prefix: str = "") -> Q:
    app, codename = name.split(".")
    return Q(**{f"{prefix}content_type__app_label": app, f"{prefix}codename": codename})
