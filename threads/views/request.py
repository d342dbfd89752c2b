from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from threads.models import User


class Request(HttpRequest):
    """As it reaches a view: signed in, with her preferences, and with what django-htmx found."""

    user: User
    reader: User
    htmx: HtmxDetails
