"""Mininet's nodes, switches, links and network, made in-process: netlink for shells, descriptors for processes.

A script for stock Mininet runs here unchanged, with ``LabNet`` for ``Mininet``.
"""
