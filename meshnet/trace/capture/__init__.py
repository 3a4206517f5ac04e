"""Capture in many namespaces at once, without losing a frame unnoticed."""

from meshnet.trace.capture.capture import Capture
from meshnet.trace.capture.filter import compile_filter

__all__ = ["Capture", "compile_filter"]
