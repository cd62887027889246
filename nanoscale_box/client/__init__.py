"""How faces talk to the box: typed calls and streams over its socket, and dial errors that help."""

from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.client.errors import ApiError, Unreachable
from nanoscale_box.client.following import Disconnected, Reconnected

__all__ = ["ApiError", "BoxClient", "Disconnected", "Reconnected", "Unreachable"]
