"""What the gateway costs: against a direct connection and against nginx, in the same run."""
