"""Mandates: what lets auditors read."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from threads.models import Mandate
from threads.models.user import REVIEW_RIGHTS
from threads.views.access import for_whom
from threads.views.request import Request


@require_safe
@for_whom(*REVIEW_RIGHTS)
def review(request: Request) -> HttpResponse:
    """The mandates that concern the user."""
    mandates = Mandate.objects.visible_to(request.user).newest_first()
    return render(request, "review/review.html", {"mandates": mandates})
