"""Hilum: which pretraining should I use on my chest radiographs, and is the gain real?"""

__version__ = "0.1.0"
