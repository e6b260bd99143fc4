"""Bytes and typed values: the EC2 and Query protocols, in and out.

This room knows XML, form bodies and status numbers, and nothing of EC2's rules. Its types are generated from the public
service model (`shapes/`, by tools/shapes.py) for the actions that `actions.txt` names.
"""
