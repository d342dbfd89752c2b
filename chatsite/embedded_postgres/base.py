"""Django's PostgreSQL engine on the embedded server: ``HOST`` is the folder, not a host."""

from pathlib import Path
from typing import Any

from django.db import OperationalError
from django.db.backends.postgresql import base

from chatsite.embedded_postgres.server import EmbeddedPostgresError, ensure_running


class DatabaseWrapper(base.DatabaseWrapper):
    def get_connection_params(self) -> dict[str, Any]:
        """Starts the server where it does not run: everything that connects, the queue too, asks here."""
        try:
            address = ensure_running(Path(self.settings_dict["HOST"]))
        except EmbeddedPostgresError as error:
            raise OperationalError(str(error)) from error  # as from any database that is away
        return super().get_connection_params() | {"host": address.socket_dir, "port": address.port}
