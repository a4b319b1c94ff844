"""Figures of a report, one idea a file; `canvas` sets the style and makes the SVG."""
