"""What people write by hand, as JSON, TOML or YAML, with the line on which every value stands.

All three come out alike: tables, lists, texts, truth values and nothing. A number or a date is its text: an account's id may
begin with a zero, and `Version: 2012-10-17` in YAML is no day.
"""
