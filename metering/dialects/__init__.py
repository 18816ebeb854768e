"""How each vendor and engine reports usage, as pure functions of the JSON they send: one file per family."""
