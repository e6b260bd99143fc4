"""What IAM's policy simulator judges, and how: policies of a principal or of the request, put to the same evaluator that
decides live calls (I122, I196a).

    bound = sources.of_holder(call, user)      # or what a request brings: sources.given(...)
    simulation = judging.simulation(bound, asked, caller)
    answers.page(call, request, simulation)

Nothing here reads the clock, the caller's address or an object that a resource's ARN names: all that a policy asks for, the
request says, or it is told to be missing.
"""
