"""What every page shows."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from threads.listing import side_bar_of
from threads.models import Assistant, User


def site(request: HttpRequest) -> dict[str, Any]:
    """Asked of the database when a page asks.

    `uses_sandbox`: do users get samples instead of answers? `side_bar`: one's conversations.
    """
    return {
        "site_name": settings.ENVIRONMENT.site_name,
        "uses_sandbox": SimpleLazyObject(_uses_sandbox),
        "side_bar": SimpleLazyObject(lambda: side_bar_of(cast(User, request.user))),
    }


def _uses_sandbox() -> bool:
    return Assistant.objects.filter(is_active=True, connection__is_sandbox=True).exists()
