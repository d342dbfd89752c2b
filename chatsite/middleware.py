"""What every response of the site has in common."""

import logging
import time
from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import resolve_url
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

GetResponse = Callable[[HttpRequest], HttpResponse]

FOR_MACHINES = ("/health/", "/metrics")

log = logging.getLogger("chatsite.requests")


def log_requests(get_response: GetResponse) -> GetResponse:
    """A line for each request: which page, how it ended, how long it took. Never who asked, nor what for."""

    def middleware(request: HttpRequest) -> HttpResponse:
        started = time.monotonic()
        response = get_response(request)
        match = request.resolver_match
        facts = {
            "action": "request",
            "method": request.method,
            "route": match.view_name if match else None,
            "ids": {key: id_ for key, id_ in match.kwargs.items() if isinstance(id_, UUID)} if match else {},
            "status": response.status_code,
            "duration_ms": round((time.monotonic() - started) * 1000),
        }
        is_noise = request.path_info.startswith((*FOR_MACHINES, settings.STATIC_URL))
        log.log(logging.DEBUG if is_noise else logging.INFO, "request answered", extra=facts)
        return response

    return middleware


def answer_machines(get_response: GetResponse) -> GetResponse:
    """Answers probes and Prometheus before sessions, languages, host names and redirects come into it.

    They ask by IP address and in plain HTTP, also while the database is away.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(FOR_MACHINES):
            return get_response(request)
        try:
            match = request.resolver_match = resolve(request.path_info)
        except Resolver404:
            return get_response(request)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        return response

    return middleware


def forms_that_can_be_read(get_response: GetResponse) -> GetResponse:
    """Refuses the others here: Django's own error pages would read the form once more, and fail at it, too."""

    def middleware(request: HttpRequest) -> HttpResponse:
        try:
            request.POST  # noqa: B018 reads it
        except (BadRequest, SuspiciousOperation, MultiPartParserError, LookupError):
            return HttpResponseBadRequest(render_to_string("400.html"))
        return get_response(request)

    return middleware


def private_responses(get_response: GetResponse) -> GetResponse:
    """Pages hold conversations: no cache keeps them, and a page is never taken for its fragment."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_store=True)
        return response

    return middleware


def sign_in_on_a_page(get_response: GetResponse) -> GetResponse:
    """Whose session ended goes to the page for signing in, which as a fragment would land in another page."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        sign_in = resolve_url(settings.LOGIN_URL)
        if request.headers.get("HX-Request") and urlsplit(response.get("Location", "")).path == sign_in:
            if request.method == "POST":
                return HttpResponse(status=403)  # who is sent away from a form loses what was typed
            return HttpResponseClientRedirect(redirect_to_login(page_of(request), sign_in).url)
        return response

    return middleware


def page_of(request: HttpRequest) -> str:
    """The page of this site that a fragment was asked for from; "/" where that is none."""
    try:
        page = HtmxDetails(request).current_url_abs_path
    except ValueError:  # it is no URL at all
        page = None
    return page if page and url_has_allowed_host_and_scheme(page, allowed_hosts=None) else "/"
