"""Whose GPU time it was, against what the same requests cost alone."""
