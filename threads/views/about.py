"""What helps in using the site."""

from datetime import date

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from threads.middleware import notice_not_required
from threads.views.request import Request

# The accessibility statement was drawn up, and what it says was last checked, on this day. Change it with the text.
STATED_ON = date(2026, 11, 24)


@notice_not_required
@require_safe
def shortcuts(request: Request) -> HttpResponse:
    """The keys; htmx and scripts get the sheet alone, for a dialog."""
    template = "threads/_shortcuts.html" if request.htmx else "threads/shortcuts.html"
    return render(request, template)


@login_not_required
@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    """In the form of the model statement for Directive (EU) 2016/2102, which BITV 2.0 refers to."""
    contact = settings.ENVIRONMENT.accessibility_contact
    context = {
        "stated_on": STATED_ON,
        "operator": settings.ENVIRONMENT.operator_name,
        "contact": contact,
        "contact_url": f"mailto:{contact}" if contact and "://" not in contact else contact,
    }
    return render(request, "threads/accessibility.html", context)
