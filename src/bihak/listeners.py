"""The sockets that a server listens on."""

import errno
import socket as sockets

from bihak.errors import SettingsError

BACKLOG = 4096


def listen(host: str, port: int, *, shared: bool = False) -> list[sockets.socket]:
    """Sockets on every address of `host`, all on one port. Raises SettingsError.

    `shared`: other processes of the same user may listen there too, and the system deals out the connections.
    """
    listeners = bind(host, port, shared=shared)
    for listener in listeners:
        listener.listen(BACKLOG)
    return listeners


def bind(host: str, port: int, *, shared: bool = False) -> list[sockets.socket]:
    """As `listen`, but nobody is let in: it keeps the port for those who share it."""
    try:
        found = sockets.getaddrinfo(host, port, type=sockets.SOCK_STREAM, flags=sockets.AI_PASSIVE)
    except OSError as fault:
        raise SettingsError(f"WS_HOST={host} is no address of this machine: {fault}") from None
    listeners: list[sockets.socket] = []
    problems = []
    for family, kind, protocol, _, address in dict.fromkeys(found):
        try:
            listener = sockets.socket(family, kind, protocol)
        except OSError:
            continue  # this machine has no such family
        try:
            listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
            if shared:
                listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEPORT, 1)
            if family == sockets.AF_INET6:
                listener.setsockopt(sockets.IPPROTO_IPV6, sockets.IPV6_V6ONLY, 1)
            taken = listeners[0].getsockname()[1] if listeners else port
            listener.bind((address[0], taken, *address[2:]))
            listener.setblocking(False)
        except OSError as fault:
            listener.close()
            problems.append(fault)
            if fault.errno == errno.EADDRINUSE:
                break
        else:
            listeners.append(listener)
    if not listeners or any(fault.errno == errno.EADDRINUSE for fault in problems):
        for listener in listeners:
            listener.close()
        why = problems[0].strerror if problems else "nothing to listen on"
        raise SettingsError(f"cannot listen on {host} port {port}: {why}; WS_PORT and WS_HOST choose another")
    return listeners
