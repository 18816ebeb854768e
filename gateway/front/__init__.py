"""The front door: a client's connection, one exchange on it, and how an answer looks on the wire."""
