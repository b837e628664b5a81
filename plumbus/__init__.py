"""PLUMBUS: the engine that backs up Linux machines over SSH with rsync. Knows nothing of the pages."""

__version__ = '6.0.0'
