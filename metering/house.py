"""What the house itself asks of models, as rows name it: one tenant, a purpose in place of a key's name."""

from __future__ import annotations

HOUSE_TENANT = "weir-quality"
"""Who pays for comparisons and audits. The project of its rows is the route that they are about."""
CURATED_TENANT = "weir-curated"
"""Whose a curated route's own pairs are in the cache; what they occupy is on the house."""
CACHE_AUDIT, CACHE_JUDGE, CACHE_SECOND = "cache-audit", "cache-judge", "cache-second"
"""Answering again what the cache answered, asking a model whether both answers say the same, and asking one
whether both questions do, before a hit."""
CACHE_AUDITS = (CACHE_AUDIT, CACHE_JUDGE, CACHE_SECOND)
"""What knowing how often hits are wrong costs."""
