"""The site with its worker, on the tests' database, in a process of its own.

Run as ``python -m tests.browser.serve DATABASE PORT``.
"""

import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

from django.conf import settings

settings.DATABASES["default"]["NAME"] = sys.argv[1]

from chatsite.asgi import Site  # noqa: E402
from chatsite.server import Server  # noqa: E402

if __name__ == "__main__":
    Server(Site(with_worker=True), host="127.0.0.1", port=int(sys.argv[2])).run()
