"""EC2's rules, pure: what may exist, who may do what to it, and what a refusal says.

Nothing here reads a clock, a file, the environment or a random source: time, ids and randomness come in as arguments.
"""
