"""Servers whose address a vendor types in: https, and on the public internet only (INVARIANTS K6)."""

import socket
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError

from app.words import _
from connectors.base import Endpoints, GiveUp
from connectors.fields import ID_LENGTH


class NotPublic(Exception):
    """The name leads to a machine that is not on the public internet."""


def site(typed: str) -> str:
    """The server's address as we use it, without a slash at the end. Raises GiveUp, in words for who typed it."""
    text = typed.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host or parts.username is not None or parts.query or parts.fragment or not text.isascii() or " " in text:
        raise GiveUp(_("That is not the address of a server. It looks like https://books.example.com"))
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise GiveUp(_("The address must begin with https:// so that nobody else can read along."))
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def at_site(ends: Endpoints, said: Mapping[str, Any]) -> Endpoints:
    """Connector.settle where all there is is one server of the vendor's own. Raises GiveUp, as site() does."""
    return replace(ends, api_url=site(str(said.get("site") or ends.api_url)))


def account_at(base: str, *names: str) -> str:
    """The id of an account on a server of the vendor's own. What it is called there is not one of a kind: many servers
    have a company 1, or a Demo Ltd. Raises GiveUp when that is longer than we can keep."""
    parts = urlsplit(base)
    made = "|".join((f"{parts.netloc}{parts.path}", *names))
    if len(made) > ID_LENGTH:
        raise GiveUp(_("The names of the server and of the company are too long for us."))
    return made


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class PublicAdapter(HTTPAdapter):
    """Connects to public addresses only. The name is looked up once, and the address that was judged is the one that
    is called; so a name that changes its mind in between leads nowhere. A proxy of ours, where there is one, decides
    for itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicPool, "https": _PublicTlsPool}


def _public_address(host: str, port: int) -> str:
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not found or not all(_is_public(each) for each in found):
        raise NotPublic
    return found[0]


def _is_public(address: str) -> bool:
    found = ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_global and not found.is_multicast


class _PublicConnection(HTTPConnection):
    """A connection to the address that was judged; TLS still asks for a certificate of the name."""

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            self._dns_host = _public_address(name, self.port or 0)
            return super()._new_conn()
        except socket.gaierror as problem:
            raise NameResolutionError(name, self, problem) from problem
        finally:
            self._dns_host = name


class _PublicTlsConnection(_PublicConnection, HTTPSConnection):
    pass


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicConnection


class _PublicTlsPool(HTTPSConnectionPool):
    ConnectionCls = _PublicTlsConnection
