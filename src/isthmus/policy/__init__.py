"""What IAM policies allow, pure: documents in, a `Decision` with its reasons out (I51 to I122).

    policy = compiled.validate(text, Kind.MANAGED)        # when a policy is saved: refuses what IAM refuses
    policy = compiled.load(text)                          # when it is used: never fails, and never fails open (I56)
    mine = PrincipalPolicies(identity=[Attached(policy, "deploy")], boundary=..., session=..., scps=...)
    decision = evaluate(mine, Request("ec2:DeleteVpc", arn, Context(values, families)))
    decision.allowed, explain.reason(decision)

A `Policy` depends on its text alone and `PrincipalPolicies` on what is attached: whoever keeps both, keeps all that is
worth keeping. Nothing here reads a clock, a file, the environment or a random source.
"""
