"""What a lookup in the semantic cache takes, and how soon processes hear of each other."""
