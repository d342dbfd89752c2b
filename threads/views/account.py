"""One's own settings, and the notice that everybody has read."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from django.views.i18n import set_language

from threads.forms import NextForm, NoticeForm, PreferencesForm
from threads.middleware import notice_not_required, speak_to
from threads.models import Notice
from threads.views.request import Request


@login_not_required
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Kept with the user, and in a cookie, so that the page for signing in speaks it too."""
    language = request.POST.get("language")
    if request.user.is_authenticated and language in dict(settings.LANGUAGES):
        request.user.prefer(language=language)
    return set_language(request)


@notice_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: Request) -> HttpResponse:
    form = PreferencesForm(request.POST or None, instance=request.user)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "threads/preferences.html", {"form": form}, status=status)
    request.user.prefer(**form.cleaned_data)
    if not request.user.language:
        request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
    speak_to(request.user, request)
    messages.success(request, _("Your preferences have been saved."))
    response = redirect("threads:preferences")
    if not request.user.language:
        response.delete_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            path=settings.LANGUAGE_COOKIE_PATH,
            domain=settings.LANGUAGE_COOKIE_DOMAIN,
            samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]  # to it any text
        )
    return response


@notice_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def notice(request: Request) -> HttpResponse:
    """What users are told before they ask; acknowledged is the version that was shown, and no other."""
    if request.method == "POST":
        acknowledged = NoticeForm(request.POST)
        if not acknowledged.is_valid():
            return redirect("threads:notice")
        shown = get_object_or_404(Notice, version=acknowledged.cleaned_data["acknowledge"])
        shown.acknowledge(request.user)
        return redirect(acknowledged.cleaned_data["next"])
    form = NextForm(request.GET)
    notice = Notice.objects.in_force()
    context = {
        "notice": notice,
        "acknowledged_at": notice and notice.acknowledged_at(request.user),
        "next": form.cleaned_data["next"] if form.is_valid() else "/",
    }
    return render(request, "threads/notice.html", context)
