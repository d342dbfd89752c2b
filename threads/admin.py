"""Administering. Conversations are not here: administering and reading are different rights."""

from functools import partial
from typing import Any, ClassVar, cast

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.contrib.auth.models import Group
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from threads import erasing, failures, importing
from threads.completions import CompletionsError
from threads.erasing import Left
from threads.models import Assistant, Connection, Kind, Mandate, NotAllowed, Notice, Thread, User
from threads.models.connection import KeyUnreadable
from threads.recording import RecordedAdmin, recorded

# One page for signing in, with its limits on guessing.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.unregister(EmailAddress)  # a user has one address, in the user's own form
admin.site.unregister(Group)  # it is registered below, recorded


class ConnectionForm(forms.ModelForm):
    api_key = forms.CharField(
        label=gettext_lazy("API key"),
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "vTextField"}),
    )

    class Meta:
        model = Connection
        fields = ("name", "base_url", "api_key", "requests_per_second", "requests_per_minute")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["api_key"]
        if self.instance.encrypted_api_key:
            field.help_text = _("A key is stored, and is never shown. Enter a new one to replace it.")
        else:
            field.required = True

    def clean(self) -> dict[str, Any] | None:
        """A stored key goes only where it was entered for: who may change an address need not know the key."""
        uses_stored_key = self.instance.encrypted_api_key and not self.cleaned_data.get("api_key")
        if uses_stored_key and "base_url" in self.changed_data:
            self.add_error("api_key", _("The address has changed. Enter the key for the new one."))
        return super().clean()

    def save(self, commit: bool = True) -> Connection:
        if self.cleaned_data["api_key"]:
            self.instance.api_key = self.cleaned_data["api_key"]
        super().save(commit)
        return cast(Connection, self.instance)


@admin.register(Connection)
class ConnectionAdmin(RecordedAdmin):
    kind = Kind.CONNECTION_CHANGED
    names = ("name",)
    form = ConnectionForm
    list_display = ("name", "base_url", "requests_per_second", "requests_per_minute")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/test/", view(require_POST(self.test_view)), name="threads_connection_test"),
            path("<int:pk>/import/", view(self.import_view), name="threads_connection_import"),
            *super().get_urls(),
        ]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask what the key may use: that costs none of the budget for answers."""
        connection = self._changeable(request, pk)
        offers = self._offers(request, connection)
        if offers is not None:
            text = ngettext(
                "The connection works. The key may use %(count)s assistant.",
                "The connection works. The key may use %(count)s assistants.",
                len(offers),
            )
            messages.success(request, text % {"count": len(offers)})
        return redirect("admin:threads_connection_change", pk)

    @recorded
    def import_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        connection = self._changeable(request, pk)
        if not request.user.has_perm("threads.add_assistant"):
            raise PermissionDenied
        offers = self._offers(request, connection)
        if offers is None:
            return redirect("admin:threads_connection_change", pk)
        if request.method == "POST":
            chosen = set(request.POST.getlist("assistant"))
            required = {assistant.pk: assistant.required_fields for assistant in connection.assistants.all()}
            new = importing.import_assistants(
                connection, [offer for offer in offers if str(offer.id) in chosen]
            )
            self._imported(request, connection, required)
            text = ngettext("%(count)s assistant imported.", "%(count)s assistants imported.", len(new))
            messages.success(request, text % {"count": len(new)})
            return redirect(
                f"{reverse('admin:threads_assistant_changelist')}?connection__id__exact={connection.pk}"
            )
        existing = {assistant.remote_id: assistant for assistant in connection.assistants.all()}
        context = self.admin_site.each_context(request) | {
            "title": _("Import assistants"),
            "opts": self.opts,
            "original": connection,
            "offers": [(offer, existing.get(offer.id)) for offer in offers],
        }
        return render(request, "admin/threads/connection/import.html", context)

    def _imported(self, request: HttpRequest, connection: Connection, required: dict[int, list[str]]) -> None:
        """Record which assistants are new, or require other fields than before."""
        assistants = cast(RecordedAdmin, self.admin_site.get_model_admin(Assistant))
        for assistant in connection.assistants.all():
            if assistant.pk not in required:
                assistants.happened(request, assistant, "added", {"imported": True})
            elif assistant.required_fields != required[assistant.pk]:
                changes = {"changed": ["required_fields"], "imported": True}
                assistants.happened(request, assistant, "changed", changes)

    def _changeable(self, request: HttpRequest, pk: int) -> Connection:
        if not self.has_change_permission(request):
            raise PermissionDenied
        return get_object_or_404(Connection, pk=pk)

    def _offers(self, request: HttpRequest, connection: Connection) -> list[Any] | None:
        try:
            return importing.offered(connection)
        except KeyUnreadable:
            text = _(
                "The stored key can't be read: it was encrypted with another ENCRYPTION_KEYS. Enter it anew."
            )
            messages.error(request, text)
        except CompletionsError as error:
            messages.error(request, f"{failures.for_admins(error.error_code)} ({error})")
        return None


class AssistantForm(forms.ModelForm):
    example_questions = SimpleArrayField(
        forms.CharField(max_length=300, required=False),
        label=gettext_lazy("example questions"),
        help_text=gettext_lazy("One per line; a click asks it."),
        delimiter="\n",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "vLargeTextField"}),
    )

    class Meta:
        model = Assistant
        fields = "__all__"  # noqa: DJ007 the admin's fieldsets choose

    def clean_example_questions(self) -> list[str]:
        return [question for question in self.cleaned_data["example_questions"] if question]


@admin.register(Assistant)
class AssistantAdmin(RecordedAdmin):
    kind = Kind.ASSISTANT_CHANGED
    names = ("slug",)
    form = AssistantForm
    list_display = ("name", "connection", "is_active", "missing", "to_mend", "position")
    list_editable = ("position",)
    list_filter = ("connection", "is_active")
    list_select_related = ("connection",)
    prepopulated_fields: ClassVar = {"slug": ("name",)}
    filter_horizontal = ("groups",)
    readonly_fields = ("missing", "to_mend")
    fieldsets = (
        (None, {"fields": ("name", "slug", "description", "language", "is_active", "position", "groups")}),
        (gettext_lazy("Conversation"), {"fields": ("welcome", "example_questions", "notice_text")}),
        (
            gettext_lazy("At the API"),
            {"fields": ("connection", "remote_id", "licence", "missing", "to_mend")},
        ),
        (gettext_lazy("Retention"), {"fields": ("retention_days",)}),
        (gettext_lazy("Links to documents"), {"fields": ("license_id", "auth_realm")}),
    )

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What keeps them, in numbers: conversations, and mandates, which without them would permit something else."""
        assistants = list(objs)
        threads = Thread.objects.filter(assistant__in=assistants).count()
        mandates = Mandate.objects.filter(assistants__in=assistants).distinct().count()
        protected = [
            text % {"count": count}
            for count, text in (
                (threads, ngettext("%(count)s conversation", "%(count)s conversations", threads)),
                (mandates, ngettext("%(count)s mandate", "%(count)s mandates", mandates)),
            )
            if count
        ]
        counts = {self.opts.verbose_name_plural: len(assistants)}
        return [str(assistant) for assistant in assistants], counts, set(), protected

    @admin.display(description=gettext_lazy("missing fields"))
    def missing(self, assistant: Assistant) -> str:
        return ", ".join(assistant.missing_fields) or "–"

    @admin.display(description=gettext_lazy("to be mended"))
    def to_mend(self, assistant: Assistant) -> str:
        """What made the last question fail that nobody but an admin can mend."""
        return str(failures.for_admins(assistant.fault)) if assistant.fault else "–"


@admin.register(Notice)
class NoticeAdmin(RecordedAdmin):
    """Versions are added, and stay as they were acknowledged."""

    kind = Kind.NOTICE_PUBLISHED
    names = ("version",)
    list_display = ("version", "created_at", "acknowledged")
    fields = ("german", "english")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        return cast(
            QuerySet[Notice], super().get_queryset(request).annotate(acknowledged=Count("acknowledgements"))
        )

    def get_fieldsets(self, request: HttpRequest, obj: Notice | None = None) -> Any:
        if obj:
            return ((None, {"fields": ("version", "created_at", "acknowledged", *self.fields)}),)
        hint = _(
            "This becomes the next version, in force at once: everyone is asked to acknowledge it before going "
            "on. It can be neither changed nor deleted afterwards. An empty line begins a new paragraph."
        )
        return ((None, {"fields": self.fields, "description": hint}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Notice | None = None) -> tuple[str, ...]:
        return ("version", "created_at", "acknowledged") if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Notice | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Notice | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Notice, form: Any, change: bool) -> None:
        Notice.objects.publish(obj)

    @admin.display(description=gettext_lazy("acknowledged by"), ordering="acknowledged")
    def acknowledged(self, notice: Any) -> int:
        return int(notice.acknowledged)


class UserCreationForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email",)
        field_classes: ClassVar = {"email": forms.EmailField}


class ErasingAdmin(admin.ModelAdmin):
    """Users are deleted as they erase themselves: see `threads.erasing`. What may not go yet stays, and is said."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        """What is said before: the accounts with their conversations, of which nothing else is told here."""
        users = list(objs)
        what = [
            ngettext("%(user)s: %(count)s conversation", "%(user)s: %(count)s conversations", count)
            % {"user": user, "count": count}
            for user in users
            for count in (user.threads.count(),)
        ]
        protected = [str(user) for user in users if erasing.is_last_superuser(user)]
        return what, {self.opts.verbose_name_plural: len(users)}, set(), protected

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        self._erase(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        with transaction.atomic():  # all of them are locked before the log is
            for user in list(queryset.order_by("pk").select_for_update(no_key=True)):
                self._erase(request, user)

    def _erase(self, request: HttpRequest, user: User) -> None:
        """Conversations follow once the page has committed, in steps that others can record events between."""
        actor = cast(User, request.user)
        name, left = str(user), erasing.what_stays(user)
        try:
            erasing.close_account(user, actor)
        except NotAllowed:
            messages.warning(request, _("%(user)s is the last superuser, and stays.") % {"user": name})
            return
        transaction.on_commit(partial(erasing.erase_closed, user, actor))
        if text := str(_LEFT[left]):
            messages.warning(request, text % {"user": name})


_LEFT = {
    Left.NOTHING: "",
    Left.NAME: gettext_lazy(
        "%(user)s has acted in reviews: the account is deactivated and its conversations are erased; name and e-mail "
        "address stay with what was done."
    ),
    Left.CONVERSATIONS: gettext_lazy(
        "%(user)s is deactivated. The account is erased as soon as all its conversations are: some are under a legal "
        "hold."
    ),
}


@admin.register(User)
class UserAdmin(RecordedAdmin, ErasingAdmin, DjangoUserAdmin):
    kind = Kind.USER_CHANGED
    add_form = UserCreationForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff")
    search_fields = ("email", "first_name", "last_name")
    readonly_fields = ("pseudonym", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "pseudonym")}),
        (
            gettext_lazy("Rights"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("email", "usable_password", "password1", "password2")}),
    )

    @recorded
    def user_change_password(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().user_change_password(request, *args, **kwargs)

    def what_it_is(self, obj: User) -> dict[str, Any]:
        return {}

    def person_of(self, obj: User) -> int:
        return obj.pk


@admin.register(Group)
class GroupAdmin(RecordedAdmin, DjangoGroupAdmin):
    kind = Kind.GROUP_CHANGED
    names = ("name",)

    def what_it_is(self, obj: Group) -> dict[str, Any]:
        return super().what_it_is(obj) | {"members": obj.user_set.count()}
