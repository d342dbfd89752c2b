"""What admins change is recorded: which thing, which of its fields, and which rights were given or taken.

Of a field its name, never what stands in it, which may be a key or an address; of rights the names.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.contrib.auth.models import Group, Permission
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse

from threads.models import Event, Happening, Kind, User

View = Callable[..., HttpResponse]


def recorded(view: View) -> View:
    """A view of the admin. What happened in it is recorded as its last step, in the same transaction."""

    @wraps(view)
    def in_one_transaction(self: "RecordedAdmin", request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method != "POST":
            return view(self, request, *args, **kwargs)
        with transaction.atomic():
            response = view(self, request, *args, **kwargs)
            if happened := vars(request).pop("happened", None):
                Event.objects.record_all(happened)
        return response

    return in_one_transaction


class RecordedAdmin(admin.ModelAdmin):
    """`kind` of its events, and `names`: of the fields that say in the log which thing it is, beside its id."""

    kind: ClassVar[Kind]
    names: ClassVar[tuple[str, ...]] = ()

    @recorded
    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().changelist_view(
            request, *args, **kwargs
        )  # where it is edited in the list, and actions

    @recorded
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().changeform_view(request, *args, **kwargs)

    @recorded
    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().delete_view(request, *args, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Of two admins who change the same thing at once, the second one's changes are to what the first one left."""
        found = super().get_object(request, object_id, from_field)
        if found and request.method == "POST" and transaction.get_connection().in_atomic_block:
            return self.model._base_manager.select_for_update(no_key=True).filter(pk=found.pk).first()
        return found

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Nothing is looked for by what refers to it: whose a conversation or a pseudonym is could be tried out."""
        referring = {relation.name for relation in self.opts.related_objects}
        return lookup.split("__")[0] not in referring and super().lookup_allowed(lookup, value, request)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        request.changes = _changes(form)  # type: ignore[attr-defined]  # for `log_addition` and `log_change`
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        changes: dict[str, Any] = vars(request).pop("changes", {})
        changes.pop("changed", None)  # all of them
        self.happened(request, obj, "added", changes)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        if changes := vars(request).pop("changes", {}):
            self.happened(request, obj, "changed", changes)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:  # while they are still there
            self.happened(request, obj, "deleted", {})
        return super().log_deletions(request, queryset)

    def happened(self, request: HttpRequest, obj: Any, done: str, changes: dict[str, Any]) -> None:
        """To be recorded at the end of the view."""
        details = {"done": done, **self.what_it_is(obj), **changes}
        happening = Happening(
            self.kind, cast(User, request.user), person_id=self.person_of(obj), details=details
        )
        vars(request).setdefault("happened", []).append(happening)

    def what_it_is(self, obj: Any) -> dict[str, Any]:
        return {"id": obj.pk} | {name: getattr(obj, name) for name in self.names}

    def person_of(self, obj: Any) -> int | None:
        return None


def _changes(form: forms.BaseForm) -> dict[str, Any]:
    """Which fields changed; and of rights, which were given and taken. Empty: nothing has changed."""
    if isinstance(form, AdminPasswordChangeForm):  # it says nothing where a password was taken away
        return {"changed": ["password"]}
    if not form.changed_data:
        return {}
    given: dict[str, Any] = {}
    taken: dict[str, Any] = {}
    for name in form.changed_data:
        before, now = form.initial.get(name), form.cleaned_data.get(name)
        if isinstance(now, models.QuerySet):
            old, new = set(before or ()), set(now)
            given[name], taken[name] = _names(new - old), _names(old - new)
        elif isinstance(now, bool):
            (given if now else taken)[name] = True
    changes = {
        "changed": sorted(form.changed_data),
        "given": {name: which for name, which in given.items() if which},
        "taken": {name: which for name, which in taken.items() if which},
    }
    return {name: what for name, what in changes.items() if what}


def _names(things: Iterable[Any]) -> list[str]:
    return sorted(_name(thing) for thing in things)


def _name(thing: Any) -> str:
    match thing:
        case Group():
            return thing.name
        case Permission():
            return f"{thing.content_type.app_label}.{thing.codename}"
    return str(thing.pk)
