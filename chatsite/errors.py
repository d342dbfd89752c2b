"""What is shown when something fails here."""

import sys

from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.defaults import server_error

AGAIN_SECONDS = 10


def handler500(request: HttpRequest) -> HttpResponse:
    """Where the database is away, full or read-only: a page that says so, with what was typed, to send again."""
    # An InternalError is how PostgreSQL refuses to write where it may only read.
    if not isinstance(sys.exc_info()[1], (OperationalError, InterfaceError, InternalError)):
        return server_error(request)
    context = {"path": request.get_full_path(), "content": "", "client_token": ""}
    if request.method == "POST":
        context |= {name: request.POST.get(name, "") for name in ("content", "client_token")}
    response = render(request, "503.html", context, status=503)
    response["Retry-After"] = str(AGAIN_SECONDS)
    return response
