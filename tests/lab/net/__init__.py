"""Tests of Mininet's classes made in-process."""
