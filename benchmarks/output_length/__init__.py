"""How far the predicted length of answers is off, on recorded traces."""
