"""Tests of what runs in tasks."""
