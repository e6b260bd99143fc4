"""IAM's rules, as pure as the rest of `domain`: users, groups, roles, policies, and what may be done with them."""
