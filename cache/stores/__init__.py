"""Where answers are kept: in this process, or in a Redis that several share."""
