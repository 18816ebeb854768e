"""Measurements that anyone can repeat; each package writes its own RESULTS.md. See docs/benchmarks.md."""
