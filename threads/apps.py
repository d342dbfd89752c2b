from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ThreadsConfig(AppConfig):
    name = "threads"
    verbose_name = _("Chat")

    def ready(self) -> None:
        from threads import signals  # models are loaded by now, not before
        from threads.roles import make_groups

        signals.connect()
        post_migrate.connect(make_groups, sender=self)
