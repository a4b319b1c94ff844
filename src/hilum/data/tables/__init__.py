"""Tables of users and data sets: CSV and Parquet, column names, ages."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
