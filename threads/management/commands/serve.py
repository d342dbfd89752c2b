from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from chatsite.asgi import Site
from chatsite.server import Server


class Command(BaseCommand):
    help = "Serves the site on HOST:PORT. Questions are answered by `manage.py worker`."

    def handle(self, *args: Any, **options: Any) -> None:
        environment = settings.ENVIRONMENT
        Server(Site(), host=environment.host, port=environment.port).run()
