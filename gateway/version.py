"""The one place that holds the version; `pyproject.toml`, `weir --version` and `/admin` read it."""

__version__ = "0.1.0"
