"""The answer cache's place on the road.

plans (what the file says) -> place (where this request's answer is kept) -> lookup -> serving, or, once an
answer was bought, keeping and audits. Whether two questions are one, `cache` knows.
"""
