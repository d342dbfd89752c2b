"""What holds for every page of who is signed in: her preferences, and the notice that comes first."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from chatsite.middleware import GetResponse, page_of
from threads.models import Notice, User

View = TypeVar("View", bound=Callable[..., Any])

NOT_CARRIED = ("csrfmiddlewaretoken", "acknowledge")
PRECONDITION_REQUIRED = 428


class PreferencesMiddleware:
    """`request.reader`: who is signed in, loaded, so that even the page of an error needs no database for it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        was_signed_in = request.user.is_authenticated
        if request.user.is_authenticated:
            request.reader = request.user  # type: ignore[attr-defined]
            speak_to(request.user, request)
        response = self.get_response(request)
        if request.user.is_authenticated and request.user.language:
            _remember(request.user.language, request, response)
        if was_signed_in and not request.user.is_authenticated:
            response["Clear-Site-Data"] = (
                '"storage"'  # drafts, in all tabs: another person may be the next here
            )
        return response


def speak_to(user: User, request: HttpRequest) -> None:
    """In the user's language; without one in the browser's."""
    translation.activate(user.language or translation.get_language_from_request(request))
    request.LANGUAGE_CODE = translation.get_language()


def _remember(language: str, request: HttpRequest, response: HttpResponse) -> None:
    """Lets the cookie keep pace, so that the page for signing in speaks the user's language, too."""
    name = settings.LANGUAGE_COOKIE_NAME
    if language != request.COOKIES.get(name) and name not in response.cookies:
        response.set_cookie(
            name,
            language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            path=settings.LANGUAGE_COOKIE_PATH,
            domain=settings.LANGUAGE_COOKIE_DOMAIN,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]  # to it any text
        )


def notice_not_required(view: View) -> View:
    """For what has to be reached before the notice is acknowledged."""
    view.notice_required = False  # type: ignore[attr-defined]
    return view


class NoticeMiddleware:
    """Leads who has not acknowledged the notice to it, before any page of the product.

    Whether she has came with her (`User.owes_notice`): that costs no query. A form that was sent is not lost: it
    is kept in the page of the notice, and arrives with the acknowledgement (the field `acknowledge`).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        user = request.user
        if not (user.is_authenticated and user.owes_notice and _requires_notice(request, view)):
            return None
        if request.method != "POST":
            if request.headers.get("HX-Request"):
                return HttpResponseClientRedirect(_notice_before(page_of(request)))
            return redirect(_notice_before(request.get_full_path()))
        notice = Notice.objects.in_force()
        if notice is None or request.POST.get("acknowledge") == str(notice.version):
            if notice:
                notice.acknowledge(user)
            return None
        if request.headers.get("HX-Request"):  # the script sends the form once more, as the browser would
            return HttpResponse(status=PRECONDITION_REQUIRED)
        return render(
            request, "threads/notice.html", {"notice": notice, "carried": _carried(request)}, status=409
        )


def _requires_notice(request: HttpRequest, view: Callable[..., Any]) -> bool:
    match = request.resolver_match
    is_of_the_product = match is not None and match.app_name == "threads"
    is_for_anybody = not getattr(view, "login_required", True)
    return is_of_the_product and not is_for_anybody and getattr(view, "notice_required", True)


def _notice_before(page: str) -> str:
    return f"{reverse('threads:notice')}?{urlencode({'next': page})}"


def _carried(request: HttpRequest) -> list[tuple[str, str]]:
    """The fields of the form that was sent."""
    fields = request.POST.lists()
    return [(name, value) for name, values in fields if name not in NOT_CARRIED for value in values]
