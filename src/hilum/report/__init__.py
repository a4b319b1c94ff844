"""Report: from numbers to the page, tables and figures that people read and publish."""
