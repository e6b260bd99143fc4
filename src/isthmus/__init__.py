"""Amazon EC2's VPC peering as a server that you run yourself.

Nothing is imported here: what a caller does not use costs no start-up time.
"""

__version__ = "0.1.0"
