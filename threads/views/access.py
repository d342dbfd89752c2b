"""Who reaches a page at all. What of it she sees, the querysets of the models decide."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from django.http import Http404
from django.http.response import HttpResponseBase

from threads.models import NotAllowed
from threads.views.request import Request

View = Callable[..., HttpResponseBase]


def for_whom(*rights: str) -> Callable[[View], View]:
    """Who has one of these rights of `threads`; to others the page is not there."""

    def decorate(view: View) -> View:
        @wraps(view)
        def for_them(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not any(request.user.has_perm(f"threads.{right}") for right in rights):
                raise Http404
            return view(request, *args, **kwargs)

        return for_them

    return decorate


def traced(view: View) -> View:
    """A view that shows what is others', and records that: both in one transaction, or neither.

    It renders what it shows, and records as its last step (`Mandate.trace`); what is refused there is not found.
    """

    @wraps(view)
    def in_one_transaction(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            with transaction.atomic():
                return view(request, *args, **kwargs)
        except NotAllowed:
            raise Http404 from None

    return in_one_transaction
