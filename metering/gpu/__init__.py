"""Whose GPU time was it: closed windows of a backend's hours, split over the attempts active in them."""
