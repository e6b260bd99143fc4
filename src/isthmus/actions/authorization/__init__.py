"""Whether a caller may do what it asks (I111 to I162).

`Call.authorize` and `Call.find` come here (`asking`) for everybody but an account's root, for whom nothing of this
is loaded. A call is a list of `Request`s of the room `policy/`, made from the action table and the typed request (`checks`);
what condition keys say is worked out when a policy asks (`keys`); what binds the caller is read once and remembered
(`permissions`); and what is refused says why (`refusals`), with a message that only its account can open (`sealing`).
"""
