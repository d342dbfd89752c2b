"""What an event says, in words: its ids become names, and the names of fields and rights those of the screen."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from threads.models import (
    Alias,
    Assistant,
    Event,
    ExportKind,
    Kind,
    Mandate,
    Selection,
    Severity,
    User,
    Verdict,
)
from threads.models.case import person_called

_USERS_IN_DETAILS = ("auditors", "actor", "person")
_ASSISTANTS_IN_DETAILS = ("assistants", "assistant")
_MODELS = {
    Kind.CONNECTION_CHANGED: "threads.Connection",
    Kind.ASSISTANT_CHANGED: "threads.Assistant",
    Kind.NOTICE_PUBLISHED: "threads.Notice",
    Kind.USER_CHANGED: "threads.User",
    Kind.GROUP_CHANGED: "auth.Group",
}
_NAMED_APART = {"given", "taken", "id", "valid_until", "until", "population", "drawn"}


@dataclass(frozen=True)
class Names:
    """Of all that some events name by ids; asked for once."""

    users: Mapping[int, str]
    assistants: Mapping[int, str]
    mandates: Mapping[UUID, Mandate]
    aliases: Mapping[tuple[UUID, int], str]

    def user(self, pk: int) -> str:
        return self.users.get(pk) or _("erased account (no. %(id)s)") % {"id": pk}

    def assistant(self, pk: int) -> str:
        return self.assistants.get(pk) or _("deleted assistant (no. %(id)s)") % {"id": pk}

    def code(self, event: Event) -> str:
        """Empty: who it was has no pseudonym any more."""
        return self.aliases.get((event.mandate_id, event.person_id), "")  # type: ignore[arg-type]

    def alias(self, event: Event) -> str:
        code = self.code(event)
        return person_called(code) if code else _("erased account")


def names_for(events: Iterable[Event]) -> Names:
    """Four queries, whatever the events are."""
    users: set[int] = set()
    assistants: set[int] = set()
    mandates: set[UUID] = set()
    for event in events:
        users |= {pk for pk in (event.actor_id, event.person_id) if pk}
        mandates |= {event.mandate_id} if event.mandate_id else set()
        users |= _ids(event.details, _USERS_IN_DETAILS)
        assistants |= _ids(event.details, _ASSISTANTS_IN_DETAILS)
        assistants |= {int(pk) for pk in _erased_by(event) if pk.isdigit()}
    people = User.objects.filter(pk__in=users or [0]).only("first_name", "last_name", "email")
    named = Assistant.objects.filter(pk__in=assistants or [0]).values_list("pk", "name")
    aliases = Alias.objects.filter(mandate__in=mandates or [UUID(int=0)], owner__in=users or [0])
    return Names(
        {user.pk: user.name_and_address for user in people},
        dict(named),
        {mandate.pk: mandate for mandate in Mandate.objects.filter(pk__in=mandates or [UUID(int=0)])},
        {(mandate, owner): code for mandate, owner, code in aliases.values_list("mandate", "owner", "code")},
    )


def _erased_by(event: Event) -> Iterable[str]:
    return _dict(_dict(event.details).get("erased_by_assistant"))


def _ids(details: Any, keys: Iterable[str]) -> set[int]:
    found = [details.get(key) for key in keys] if isinstance(details, dict) else []
    flat = [each for value in found for each in (value if isinstance(value, list) else [value])]
    return {each for each in flat if isinstance(each, int) and not isinstance(each, bool)}


def told(event: Event, names: Names) -> list[str]:
    """In short phrases; what is not known here is told as it stands."""
    if not isinstance(event.details, dict):
        return []
    details = event.details
    phrases = [
        each for key in _PHRASES if key in details for each in _PHRASES[key](event, names, details[key])
    ]
    phrases += _rights(details, "given") + _rights(details, "taken")
    for key in sorted(details.keys() - _PHRASES.keys() - _NAMED_APART):
        phrases += _plainly(key, details[key])
    return phrases


def _plainly(key: str, value: Any) -> list[str]:
    label = str(_LABELS.get(key, key.replace("_", " ")))
    match value:
        case None | [] | {} | "":
            return []
        case bool():
            return [f"{label}: {_yes_or_no(value)}"]
        case list():
            return [f"{label}: {', '.join(_value(each) for each in value)}"]
        case dict():
            return [f"{label}: {', '.join(f'{name} {_value(each)}' for name, each in value.items())}"]
    return [f"{label}: {_value(value)}"]


def _value(value: Any) -> str:
    return str(_VALUES.get(value, value)) if isinstance(value, str) else str(value)


def _yes_or_no(value: bool) -> str:
    return _("yes") if value else _("no")


# --- phrases, by the key in the details ---

Phrase = Callable[[Event, Names, Any], list[str]]


def _done(event: Event, names: Names, value: Any) -> list[str]:
    if value == "changed" and event.details.get("changed"):
        return []  # what, is told
    return [str(_DONE.get(value, value))]


def _named(event: Event, names: Names, value: Any) -> list[str]:
    return [_("“%(name)s”") % {"name": value}]


def _version(event: Event, names: Names, value: Any) -> list[str]:
    return [_("version %(number)s") % {"number": value}]


def _members(event: Event, names: Names, value: Any) -> list[str]:
    return [ngettext("%(count)s member", "%(count)s members", value) % {"count": value}]


def _imported(event: Event, names: Names, value: Any) -> list[str]:
    return [_("imported from the API")]


def _changed(event: Event, names: Names, value: Any) -> list[str]:
    """Fields that are not told apart as rights."""
    apart = {name for way in ("given", "taken") for name in _dict(event.details.get(way))}
    fields = (
        [_field(event, str(name)) for name in value if name not in apart] if isinstance(value, list) else []
    )
    return [_("changed: %(fields)s") % {"fields": ", ".join(fields)}] if fields else []


def _field(event: Event, name: str) -> str:
    if name in _FIELDS:
        return str(_FIELDS[name])
    try:
        model = apps.get_model(_MODELS[Kind(event.kind)])
        return str(model._meta.get_field(name).verbose_name)
    except (KeyError, ValueError, FieldDoesNotExist, AttributeError):
        return name


def _people(event: Event, names: Names, value: Any) -> list[str]:
    people = ", ".join(names.user(pk) for pk in _ids({"people": value}, ["people"]))
    return [_("Auditors: %(names)s") % {"names": people}]


def _actor(event: Event, names: Names, value: Any) -> list[str]:
    return [_("by whom: %(name)s") % {"name": names.user(value)}]


def _person(event: Event, names: Names, value: Any) -> list[str]:
    return [_("concerning: %(name)s") % {"name": names.user(value)}]


def _assistants(event: Event, names: Names, value: Any) -> list[str]:
    if not value:
        return [_("all assistants")] if event.kind in _OF_MANDATES else []
    of = value if isinstance(value, list) else [value]
    named = ", ".join(names.assistant(pk) if isinstance(pk, int) else str(pk) for pk in of)
    return [_("Assistants: %(names)s") % {"names": named}]


def _since(event: Event, names: Names, value: Any) -> list[str]:
    return [_period(value, event.details.get("until"))]


def _until(event: Event, names: Names, value: Any) -> list[str]:
    return [] if event.details.get("since") else [_period(None, value)]


def _valid(event: Event, names: Names, value: Any) -> list[str]:
    return [_("valid: %(period)s") % {"period": _period(value, event.details.get("valid_until"))}]


def _period(first: Any, last: Any) -> str:
    if first and last:
        return _("%(first)s to %(last)s") % {"first": _day(first), "last": _day(last)}
    return (
        _("from %(first)s") % {"first": _day(first)} if first else _("until %(last)s") % {"last": _day(last)}
    )


def _day(value: Any) -> str:
    try:
        return date_format(date.fromisoformat(value), "SHORT_DATE_FORMAT")
    except (TypeError, ValueError):
        return str(value)


def _selection(event: Event, names: Names, value: Any) -> list[str]:
    return [_label(Selection, value)]


def _sample(event: Event, names: Names, value: Any) -> list[str]:
    if not value:
        return []
    text = ngettext(
        "%(count)s conversation of each week, at random",
        "%(count)s conversations of each week, at random",
        value,
    )
    return [text % {"count": value}]


def _shows_names(event: Event, names: Names, value: Any) -> list[str]:
    return [_("with names") if value else _("with pseudonyms")]


def _holds(event: Event, names: Names, value: Any) -> list[str]:
    return [_("legal hold")] if value else []


def _discloses_late(event: Event, names: Names, value: Any) -> list[str]:
    return [_("disclosed when it has ended")] if value else []


def _week(event: Event, names: Names, value: Any) -> list[str]:
    facts = {"day": _day(value), "drawn": event.details.get("drawn"), "all": event.details.get("population")}
    return [_("week from %(day)s: %(drawn)s of %(all)s conversations") % facts]


def _conversation(event: Event, names: Names, value: Any) -> list[str]:
    return [_("conversation %(number)s") % {"number": value}]


def _finding(event: Event, names: Names, value: Any) -> list[str]:
    return [_("finding %(id)s") % {"id": str(value)[:8]}]


def _verdict(event: Event, names: Names, value: Any) -> list[str]:
    return [_("verdict: %(label)s") % {"label": _label(Verdict, value)}]


def _severity(event: Event, names: Names, value: Any) -> list[str]:
    return [_("severity: %(label)s") % {"label": _label(Severity, value)}]


def _export_kind(event: Event, names: Names, value: Any) -> list[str]:
    return [str(_REPORT) if value == "report" else _label(ExportKind, value)]


def _kinds(event: Event, names: Names, value: Any) -> list[str]:
    return [_("only: %(kinds)s") % {"kinds": ", ".join(_label(Kind, each) for each in value)}]


def _mandate(event: Event, names: Names, value: Any) -> list[str]:
    return [_("of one mandate (%(id)s)") % {"id": str(value)[:8]}]


def _positions(event: Event, names: Names, value: Any) -> list[str]:
    """Of a part that was read the first and the last; of a search those that were found."""
    if not isinstance(value, list) or not value:
        return []
    if event.kind == Kind.THREAD_READ and value[0] != value[-1]:
        return [_("messages %(first)s to %(last)s") % {"first": value[0], "last": value[-1]}]
    return [_("messages: %(numbers)s") % {"numbers": ", ".join(str(each) for each in value)}]


def _shown_named(event: Event, names: Names, value: Any) -> list[str]:
    return [_("with the name")] if value else []


def _complete(event: Event, names: Names, value: Any) -> list[str]:
    return [] if value else [_("closed; what is left is erased step by step")]


def _erased(event: Event, names: Names, value: Any) -> list[str]:
    return [
        f"{names.assistant(int(pk)) if pk.isdigit() else pk}: {count}" for pk, count in _dict(value).items()
    ]


def _nothing(event: Event, names: Names, value: Any) -> list[str]:
    return []


def _label(choices: Any, value: Any) -> str:
    try:
        return str(choices(value).label)
    except (TypeError, ValueError):
        return str(value)


_OF_MANDATES = (Kind.MANDATE_PROPOSED, Kind.MANDATE_RELEASED)
# In the order in which they are told.
_PHRASES: dict[str, Phrase] = {
    "name": _named,
    "slug": _named,
    "done": _done,
    "version": _version,
    "members": _members,
    "imported": _imported,
    "changed": _changed,
    "conversation": _conversation,
    "finding": _finding,
    "verdict": _verdict,
    "severity": _severity,
    "week": _week,
    "kind": _export_kind,
    "kinds": _kinds,
    "actor": _actor,
    "person": _person,
    "mandate": _mandate,
    "auditors": _people,
    "assistants": _assistants,
    "assistant": _assistants,
    "since": _since,
    "until": _until,
    "selection": _selection,
    "sample_per_week": _sample,
    "valid_from": _valid,
    "shows_names": _shows_names,
    "holds": _holds,
    "discloses_late": _discloses_late,
    "positions": _positions,
    "named": _shown_named,
    "is_complete": _complete,
    "erased_by_assistant": _erased,
    "reveal": _nothing,
    "export": _nothing,
}
_DONE = {
    "added": gettext_lazy("added"),
    "changed": gettext_lazy("changed"),
    "deleted": gettext_lazy("deleted"),
}
_FIELDS = {
    "api_key": gettext_lazy("API key"),
    "password": gettext_lazy("password"),
    "permissions": gettext_lazy("rights"),
    "user_permissions": gettext_lazy("rights"),
    "groups": gettext_lazy("groups"),
}
_LABELS = {
    "count": gettext_lazy("number"),
    "shown": gettext_lazy("shown"),
    "before": gettext_lazy("older than no."),
    "view": gettext_lazy("as"),
    "way": gettext_lazy("by way of"),
    "terms": gettext_lazy("number of words"),
    "hits": gettext_lazy("hits"),
    "conversations": gettext_lazy("conversations"),
    "gave_up": gettext_lazy("given up as it took too long"),
    "filters": gettext_lazy("filters"),
    "because": gettext_lazy("reason"),
    "left": gettext_lazy("what is left"),
}
_REPORT = gettext_lazy("report, to be printed")  # made at once: no job, and so no kind of one
_VALUES = {
    "report": gettext_lazy("report"),
    "report_jsonl": gettext_lazy("report as JSON Lines"),
    "owner": gettext_lazy("erased by its owner"),
    "undo_past": gettext_lazy("deleted by its owner, and not brought back in time"),
    "retention": gettext_lazy("end of its retention"),
    "account": gettext_lazy("erasure of the account"),
    "nothing": gettext_lazy("nothing"),
    "name": gettext_lazy("name and address"),
    "page": gettext_lazy("page"),
    "jsonl": "JSON Lines",
    "csv": "CSV",
}


# --- rights ---


def _rights(details: Mapping[str, Any], way: str) -> list[str]:
    """`way`: given or taken."""
    phrases = []
    for name, which in _dict(details.get(way)).items():
        if isinstance(which, list):
            phrases += [_right(name, str(each), way) for each in which]
        else:
            phrases.append(_switched(name, way))
    return phrases


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _switched(name: str, way: str) -> str:
    on, off = _SWITCHES.get(name, (f"{name}: {_('yes')}", f"{name}: {_('no')}"))
    return str(on if way == "given" else off)


def _right(field: str, name: str, way: str) -> str:
    if field == "groups":
        text = _("group %(name)s given") if way == "given" else _("group %(name)s taken away")
    else:
        text = _("right given: %(name)s") if way == "given" else _("right taken away: %(name)s")
        name = str(right_names().get(name, name))
    return text % {"name": name}


_SWITCHES = {
    "is_active": (gettext_lazy("activated"), gettext_lazy("deactivated")),
    "is_staff": (
        gettext_lazy("access to the administration given"),
        gettext_lazy("access to the administration taken away"),
    ),
    "is_superuser": (gettext_lazy("all rights given"), gettext_lazy("all rights taken away")),
}


class _OfThings:
    """“add assistants”, in the language that is active when it is read."""

    def __init__(self, text: Any, things: Any) -> None:
        self._text, self._things = text, things

    def __str__(self) -> str:
        return str(self._text) % {"things": self._things}


@cache
def right_names() -> Mapping[str, Any]:
    """Of all rights that there are, by app and codename."""
    names: dict[str, Any] = {}
    for model in apps.get_models():
        options = model._meta
        for verb in options.default_permissions:
            if verb in _VERBS:
                codename = f"{options.app_label}.{verb}_{options.model_name}"
                names[codename] = _OfThings(_VERBS[verb], options.verbose_name_plural)
        names |= {f"{options.app_label}.{codename}": name for codename, name in options.permissions}
    return names


_VERBS = {
    "add": gettext_lazy("add: %(things)s"),
    "change": gettext_lazy("change: %(things)s"),
    "delete": gettext_lazy("delete: %(things)s"),
    "view": gettext_lazy("view: %(things)s"),
}
