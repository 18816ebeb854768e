"""Which tier answers this prompt: pure decisions over values, with a reason and an expected cost."""
