"""The bench: Isthmus beside other servers, in one run, on one machine, with its targets as data.

`python -m bench --help` tells how to run it. Everything listens on loopback, every loop is bounded, and every process
that is started is stopped. The main figure is the server's CPU time for a request: on a shared machine it repeats where
wall time does not.
"""
