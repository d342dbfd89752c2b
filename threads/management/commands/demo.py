"""Everything in one process: site, worker, embedded database, and without an API key the sandbox."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Q
from pydantic import SecretStr

from chatsite.asgi import Site
from chatsite.server import Server
from threads import importing
from threads.completions import CompletionsError
from threads.management import example
from threads.models import Assistant, Connection, User
from threads.roles import AUDITOR
from threads.sandbox import API_KEY, EMPLOYMENT_LAW, FAMILY, WORKING_TIME, Sandbox, serve


@dataclass(frozen=True)
class Description:
    """What the list of assistants at the API does not say: an admin would write it."""

    slug: str
    text: str
    welcome: str
    example_questions: list[str] = field(default_factory=list)
    licence: str = ""


SANDBOX_DESCRIPTIONS = {
    EMPLOYMENT_LAW: Description(
        slug="arbeitsrecht",
        text="Fragen zu Arbeitsvertrag, Kündigung, Befristung, Vergütung und Zeugnis.",
        welcome="Guten Tag. Fragen Sie, was Sie zum Arbeitsverhältnis wissen möchten.",
        example_questions=[
            "Welche Kündigungsfristen gelten während der Probezeit?",
            "Muss eine Kündigung schriftlich erfolgen?",
            "Wie oft darf ein Vertrag befristet werden?",
            "Bekomme ich weiter Lohn, wenn ich krank bin?",
        ],
    ),
    WORKING_TIME: Description(
        slug="arbeitszeit-urlaub",
        text="Fragen zu Arbeitszeit, Pausen, Ruhezeiten, Urlaub und Krankheit.",
        welcome="Guten Tag. Fragen Sie, was Sie zu Arbeitszeit und Urlaub wissen möchten.",
        example_questions=[
            "Wie viele Urlaubstage stehen mir mindestens zu?",
            "Wie lange darf ich höchstens am Tag arbeiten?",
            "Wann verfällt nicht genommener Urlaub?",
        ],
        licence="sandbox-licence",
    ),
    FAMILY: Description(
        slug="familie-gleichbehandlung",
        text="Fragen zu Mutterschutz, Elternzeit, Pflege und Gleichbehandlung.",
        welcome="Guten Tag. Fragen Sie, was Sie zu Familie und Beruf wissen möchten.",
        example_questions=[
            "Wie lange dauert die Elternzeit?",
            "Welche Schutzfristen gelten vor und nach der Entbindung?",
        ],
    ),
}
OF_THE_DEMO = " (make run)"  # how the names of the demo's own connections end

AUDITOR_ADDRESS = "auditor@example.org"
USERS = (
    ("anna@example.org", "Anna", "Albrecht", False),
    ("admin@example.org", "Adrian", "Adam", True),
    (AUDITOR_ADDRESS, "Aurelia", "Auer", False),
)


class Command(BaseCommand):
    help = "Runs the whole product for a look at it: on HOST:PORT, with demo users."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._run())

    async def _run(self) -> None:
        environment = settings.ENVIRONMENT
        async with contextlib.AsyncExitStack() as stack:
            if environment.completions_api_key:
                speaks_to = environment.completions_base_url
                await sync_to_async(self._use_api)(environment.completions_api_key)
                made = await sync_to_async(make_users)()
            else:
                speaks_to = "the sandbox: answers are samples (set COMPLETIONS_API_KEY for real ones)"
                made = await sync_to_async(make_users)()
                if made:
                    async with serve(Sandbox(delay=(0, 0))) as base_url:
                        await sync_to_async(use_sandbox)(base_url)
                        await example.make()
                base_url = await stack.enter_async_context(serve(Sandbox()))
                await sync_to_async(use_sandbox)(base_url)
            self._greet(speaks_to, made)
            await Server(Site(with_worker=True), host=environment.host, port=environment.port).serve()

    def _use_api(self, api_key: SecretStr) -> None:
        environment = settings.ENVIRONMENT
        connection = use_api(environment.completions_base_url, api_key.get_secret_value())
        try:
            new = importing.import_assistants(
                connection, importing.offered(connection), licence=environment.completions_licence
            )
        except CompletionsError as error:
            self.stderr.write(f"The assistants could not be imported: {error}. The next start tries again.")
            return
        for assistant in new:
            missing = ", ".join(assistant.missing_fields)
            note = f" (inactive, the API requires: {missing})" if missing else ""
            self.stdout.write(f"Imported: {assistant.name}{note}")

    def _greet(self, speaks_to: str, made_users: bool) -> None:
        environment = settings.ENVIRONMENT
        password = environment.demo_password.get_secret_value() if made_users else "(as when they were made)"
        self.stdout.write(f"\n  {environment.site_name}: http://{environment.host}:{environment.port}")
        self.stdout.write(f"  API: {speaks_to}")
        for email, *_, is_admin in USERS:
            self.stdout.write(f"  Sign in: {email}  password: {password}{'  (admin)' if is_admin else ''}")
        self.stdout.write("  Stop: Ctrl-C\n")
        self.stdout.flush()


def use_sandbox(base_url: str) -> None:
    """Connect to the sandbox, which has a new port at each start."""
    connection = Connection.objects.filter(is_sandbox=True).first() or Connection(
        name=f"Sandbox{OF_THE_DEMO}", is_sandbox=True
    )
    connection.base_url, connection.api_key = base_url, API_KEY
    connection.save()
    _offer_only(connection)
    offers = importing.offered(connection)
    with transaction.atomic():  # what is there is described
        for assistant in importing.import_assistants(connection, offers):
            _describe(assistant)


def _describe(assistant: Assistant) -> None:
    description = SANDBOX_DESCRIPTIONS[assistant.remote_id]
    if not Assistant.objects.filter(slug=description.slug).exists():
        assistant.slug = description.slug
    assistant.description = description.text
    assistant.welcome = description.welcome
    assistant.example_questions = description.example_questions
    assistant.licence = description.licence
    assistant.is_active = not assistant.missing_fields
    assistant.position = list(SANDBOX_DESCRIPTIONS).index(assistant.remote_id)
    assistant.save()


def use_api(base_url: str, api_key: str) -> Connection:
    """Connect to the API of the environment."""
    try:
        Connection._meta.get_field("base_url").run_validators(base_url)
    except ValidationError:
        raise CommandError(
            "COMPLETIONS_BASE_URL has to begin with https://. With http://, which is for this machine alone "
            "(127.0.0.1, localhost), the key would cross the network in clear text."
        ) from None
    name = base_url.split("//")[1][: 100 - len(OF_THE_DEMO)] + OF_THE_DEMO
    connection = Connection.objects.filter(name=name).first() or Connection(name=name)
    connection.base_url, connection.api_key = base_url, api_key
    connection.save()
    _offer_only(connection)
    return connection


def _offer_only(connection: Connection) -> None:
    """Of the demo's own connections, that is: to those that admins made, nothing happens."""
    own = Q(connection__is_sandbox=True) | Q(connection__name__endswith=OF_THE_DEMO)
    Assistant.objects.filter(own).exclude(connection=connection).update(is_active=False)
    if connection.assistants.filter(is_active=True).exists():
        return  # it was in use before, and inactive is what an admin wants to be so
    for assistant in connection.assistants.all():
        assistant.is_active = not assistant.missing_fields
        assistant.save(update_fields=["is_active"])


def make_users() -> bool:
    """Make the demo users; False where they were there."""
    if User.objects.filter(email=USERS[0][0]).exists():
        return False
    password = settings.ENVIRONMENT.demo_password.get_secret_value()
    for email, first_name, last_name, is_admin in USERS:
        make = User.objects.create_superuser if is_admin else User.objects.create_user
        user = make(email, password, first_name=first_name, last_name=last_name)
        if email == AUDITOR_ADDRESS:
            user.groups.add(Group.objects.get(name=AUDITOR.name))
    return True
