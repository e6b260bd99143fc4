"""The start file: accounts with their users, groups, roles and policies, and the organization, as they should be (I217).

`entries` is the shape of the file, `checking` finds what is wrong with it as far as the file alone can tell, and `applying`
brings a store to what it says. Applying it again changes nothing.
"""
