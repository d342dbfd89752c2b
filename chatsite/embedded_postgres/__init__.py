"""A PostgreSQL of the project's own, for machines where nobody set one up.

The binaries come as a wheel. The first process that needs the database starts a *keeper*, which starts
the server, starts it again should it crash, and stops it when the last process that uses it has ended,
however that one ended: each user holds a shared file lock for as long as it lives, and the keeper waits
until it can have that lock alone.

Nothing here imports Django, but for ``base.py``, the database engine built on it.
"""

from chatsite.embedded_postgres.server import Address, EmbeddedPostgresError, ensure_running

__all__ = ["Address", "EmbeddedPostgresError", "ensure_running"]
