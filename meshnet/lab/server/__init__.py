"""The one process inside a lab: it owns every namespace, node and workload, and answers the control stream.

Its main thread builds the lab and then runs whatever needs the main thread (Mininet's prompt); an event loop in a
second thread carries the control stream, the programs people run, and the built-in workloads.
"""
