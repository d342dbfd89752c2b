"""What is stored of oneself, who read it, and taking it along or erasing it."""

from allauth.core import ratelimit
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from threads import data_sheet as sheets
from threads import disclosing, erasing
from threads.erasing import Left
from threads.forms import AccessForm, ErasureForm
from threads.models import Export, ExportKind, NotAllowed, Thread
from threads.models.thread import UNDO_DAYS
from threads.views.request import Request


@require_safe
def access(request: Request) -> HttpResponse:
    """Who has read which of one's conversations, when and why, newest first, page by page."""
    form = AccessForm(request.GET)
    before = form.cleaned_data["before"] if form.is_valid() else None
    context = {
        "page": disclosing.page_of(request.user, before),
        "before": before,
        "stored": disclosing.stored_of(request.user),
        "undo_days": UNDO_DAYS,
    }
    return render(request, "threads/access.html", context)


@require_safe
def data_sheet(request: Request) -> HttpResponse:
    """To be printed: the annex of a works agreement."""
    return render(request, "threads/data_sheet.html", {"sheet": sheets.data_sheet()})


@require_safe
def my_data(request: Request) -> HttpResponse:
    exports = Export.objects.filter(owner=request.user, kind=ExportKind.MY_DATA)
    context = {"export": exports.order_by("-created_at").first()} | _about_erasing(request)
    return render(request, "threads/my_data.html", context)


@require_POST
def my_data_exports(request: Request) -> HttpResponse:
    export = Export.objects.request(ExportKind.MY_DATA, request.user, get_language() or "de")
    return redirect("threads:export", export.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def account_erasure(request: Request) -> HttpResponse:
    """Erase one's own account, with the password."""
    is_sent = request.method == "POST"
    is_limited = is_sent and not ratelimit.consume(request, action="reauthenticate")
    form = ErasureForm(request.user, request.POST if is_sent and not is_limited else None)
    if form.is_valid():
        return _erased(request)
    context = {"form": form, "is_limited": is_limited} | _about_erasing(request)
    status = 429 if is_limited else 422 if form.is_bound else 200
    return render(request, "threads/erasure.html", context, status=status)


def _erased(request: Request) -> HttpResponse:
    user = request.user
    try:
        left = erasing.erase_account(user, user)
    except NotAllowed:
        return redirect("threads:account_erasure")
    logout(request)
    said = {
        Left.NOTHING: _("Your account has been erased, with all that hung on it."),
        Left.NAME: _(
            "Your account has been closed and your conversations are erased. Your name stays with what you did in "
            "reviews."
        ),
        Left.CONVERSATIONS: _(
            "Your account has been closed. The conversations that are left are erased as soon as nothing holds them."
        ),
    }
    messages.success(request, said[left])
    return redirect("account_login")


def _about_erasing(request: Request) -> dict[str, object]:
    user = request.user
    mine = Thread.objects.filter(owner=user)
    return {
        "thread_count": mine.count(),
        "free_count": mine.not_held().count(),
        "held_count": mine.held().count(),
        "is_named_in_log": erasing.is_named_in_log(user),
        "has_acted": erasing.has_acted(user),
        "is_last_superuser": erasing.is_last_superuser(user),
    }
