"""May a stored answer be served: the partition, the key, the entry, the stores. Nothing here knows HTTP."""
