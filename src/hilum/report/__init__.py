"""Reports: self-contained pages with tables and figures."""
