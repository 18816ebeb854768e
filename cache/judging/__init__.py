"""Whether two texts ask the same: words compared, vetoes, a learned score.

text -> reading (words, kind, numbers, negation) -> comparing (what one says and the other does not) ->
vetoes -> features -> verifier. `judge` puts them together.
"""
