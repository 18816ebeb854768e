"""What was used, what it cost, who pays. Imports none of `gateway`, `router`, `cache`."""
