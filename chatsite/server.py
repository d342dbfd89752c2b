"""uvicorn, told what its own command line can't say."""

import socket

import uvicorn
from django.conf import settings

from chatsite.asgi import Site


class Server(uvicorn.Server):
    """Lets go of the browsers that wait when it is to stop: else each would wait for the other."""

    def __init__(self, site: Site, *, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                site,
                host=host,
                port=port,
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips=[str(network) for network in settings.ENVIRONMENT.trusted_proxies],
                timeout_graceful_shutdown=30,
            )
        )
        self.site = site

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.site.listener.release()
        await super().shutdown(sockets)
