"""Tests of the topologies."""
