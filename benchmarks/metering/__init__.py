"""How fast a month's chargeback is over ten million events on PostgreSQL."""
