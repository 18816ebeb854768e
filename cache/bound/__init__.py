"""The promise on wrong hits: audits are counted, and the fuzzy tier is armed only while they bear it out."""
