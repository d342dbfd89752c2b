"""The site's own settings, for tests: on the embedded database, or on that of DATABASE_URL."""

import os

if os.environ.get("DATABASE_URL"):  # the site then asks for keys of its own
    os.environ.setdefault("SECRET_KEY", "only-for-tests-only-for-tests-only-for-tests")
    os.environ.setdefault("ENCRYPTION_KEYS", "b25seS1mb3ItdGVzdHMtb25seS1mb3ItdGVzdHMtISE=")

from chatsite.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast
