"""What every page shows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from threads.models import Assistant


def site(request: HttpRequest) -> dict[str, Any]:
    """`uses_sandbox`: do users get samples instead of answers? Asked of the database when a page asks."""
    return {"site_name": settings.ENVIRONMENT.site_name, "uses_sandbox": SimpleLazyObject(_uses_sandbox)}


def _uses_sandbox() -> bool:
    return Assistant.objects.filter(is_active=True, connection__is_sandbox=True).exists()
