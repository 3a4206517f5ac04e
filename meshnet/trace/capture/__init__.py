"""Capture in many namespaces at once, without losing a frame unnoticed."""

from meshnet.trace.capture.capture import Capture

__all__ = ["Capture"]
