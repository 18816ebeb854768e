"""A recorded trace before an engine of limited room and a vendor: what bursting costs and spares."""
