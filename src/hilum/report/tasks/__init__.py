"""The page over all tasks of a study: verdicts, tables and figures across tasks, and links to each task's own page."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
