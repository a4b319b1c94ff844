from .app import make_app as make_app
from .limits import Limits as Limits
from .server import make_server as make_server
