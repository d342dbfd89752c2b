from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class ThreadsConfig(AppConfig):
    name = "threads"
    verbose_name = _("Chat")

    def ready(self) -> None:
        from threads.roles import make_groups  # models are loaded by now, not before

        post_migrate.connect(make_groups, sender=self)
