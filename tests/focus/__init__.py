"""`make focus`: an export of real traffic, held against the published validators."""
