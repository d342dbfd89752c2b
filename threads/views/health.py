"""For machines: no sign-in, no cookies."""

import ipaddress
import logging
from dataclasses import asdict

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from threads import health

log = logging.getLogger(__name__)

# Each proxy leaves one of these. One on this machine makes all that is asked through it look local.
_TRACES_OF_A_PROXY = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


@login_not_required
@require_safe
@cache_control(no_store=True)
def live(request: HttpRequest) -> HttpResponse:
    """The process serves; whatever else may be wrong, another one would not be better."""
    return JsonResponse({"ok": True})


@login_not_required
@require_safe
@cache_control(no_store=True)
def ready(request: HttpRequest) -> HttpResponse:
    """Questions can be asked, and are being answered; else 503."""
    checks = health.readiness()
    failing = [name for name, check in checks.items() if not check.ok]
    if failing:
        log.warning("not ready", extra={"action": "not_ready", "failing": failing})
    body = {"ok": not failing, "checks": {name: asdict(check) for name, check in checks.items()}}
    return JsonResponse(body, status=503 if failing else 200)


@login_not_required
@require_safe
@cache_control(no_store=True)
def metrics(request: HttpRequest) -> HttpResponse:
    """With a token, for whoever brings it; without one, for this machine only."""
    token = settings.ENVIRONMENT.metrics_token
    if token and not constant_time_compare(_bearer(request), token.get_secret_value()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    if not token and not _is_local(request):
        return HttpResponse(status=403)
    try:
        return HttpResponse(health.metrics(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    except health.UNREACHABLE as error:
        log.warning("no metrics", extra={"action": "no_metrics", "error": type(error).__name__})
        return HttpResponse(status=503)


def _bearer(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _is_local(request: HttpRequest) -> bool:
    try:
        address = ipaddress.ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:
        return False
    return address.is_loopback and not any(name in request.headers for name in _TRACES_OF_A_PROXY)
