"""What every response of the site has in common."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.cache import patch_cache_control, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

GetResponse = Callable[[HttpRequest], HttpResponse]


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
            page = urlsplit(request.headers.get("HX-Current-URL", "")).path or "/"
            return HttpResponseClientRedirect(redirect_to_login(page, sign_in).url)
        return response

    return middleware
