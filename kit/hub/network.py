"""What of the environment keeps a hub's client from asking at all, said before it is tried."""

import os
from importlib.util import find_spec
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kit.errors import PublishError
from kit.library_warnings import has_home
from kit.messages import tr


def check_network(endpoint: str, host: str) -> None:
    """Refuse an environment in which no request can be sent.

    Args:
        endpoint: the variable that may name another address of the hub.
        host: the hub's own.

    Raises:
        PublishError: with the variable that is to be changed, for another try would fail alike.
    """
    address = os.environ.get(endpoint, "").strip() or f"https://{host}"
    if endpoint.startswith("HF_") and urlsplit(address).scheme not in ("http", "https"):
        raise PublishError(
            tr(
                "{variable} must begin with https://, got {address!r}; set it to https://{address}",
                variable=endpoint,
                address=address,
            )
        )
    _check_proxy(address, urlsplit(address).hostname or host)
    if not has_home():
        raise PublishError(
            tr("HOME must name a folder of yours, which the hub's client writes to; it is not set")
        )


def _check_proxy(address: str, host: str) -> None:
    proxies = getproxies()
    proxy = proxies.get(urlsplit(address).scheme) or proxies.get("all") or ""
    if proxy_bypass(host):
        return
    if proxy.lower().startswith("socks") and find_spec("socks") is None:
        raise PublishError(
            tr(
                'a SOCKS proxy needs PySocks: pip install "requests[socks]"; or unset ALL_PROXY '
                "and HTTPS_PROXY, or let HTTPS_PROXY name an http:// proxy"
            )
        )
    if proxy and urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname is None:
        raise PublishError(
            tr("HTTPS_PROXY or ALL_PROXY must be as http://HOST:PORT, got {proxy!r}", proxy=proxy)
        )
