"""Nearest stored questions: one index object per partition, and no way to ask one about another's."""
