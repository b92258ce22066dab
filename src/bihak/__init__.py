"""Bihak Messaging: a self-hosted real-time messaging server."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("bihak-messaging")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0.0.0"
