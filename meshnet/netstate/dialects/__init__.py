"""The forms in which people know kernel state, one module each: read to, and written from, netstate values.

A form says more than a value does (counters, indexes, timers) or less (which namespace a veth's peer is in). Reading
drops what a value has no place for; writing and then reading gives the value back, except where a module says not.
"""
