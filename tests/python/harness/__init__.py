"""What the end-to-end tests stand on: an isolated user, a kernel with everything recorded, and the search at the end."""

from .house import PLANTED, House, lightly_searched
from .kernel import Kernel
from .server import Server, Tls
from .wire import Wire

__all__ = ["House", "Kernel", "PLANTED", "Server", "Tls", "Wire", "lightly_searched"]
