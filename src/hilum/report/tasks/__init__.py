"""Page over all tasks of a study: verdicts, tables and figures across tasks, links to the tasks' pages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
