"""Whether the bound on wrong hits holds what it promises: simulated tenants whose truth is known."""
