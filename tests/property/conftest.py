"""How Hypothesis runs here: a busy machine draws slowly, and that is no failure."""

from hypothesis import HealthCheck, settings

settings.register_profile("weir", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("weir")
