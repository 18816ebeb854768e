"""The key store's tables on PostgreSQL, revision by revision. One that was released is never edited: add one.

A gateway of an older release goes on reading while a newer one brings the tables up to date, so a revision
adds and does not take away.
"""

from __future__ import annotations

_TABLES = (
    """
CREATE TABLE weir_tenants (
  name TEXT COLLATE "C" PRIMARY KEY, cost_center TEXT NOT NULL,
  models TEXT CHECK (json_typeof(models::json) = 'array'),
  created_us BIGINT NOT NULL, expires_us BIGINT, revoked_us BIGINT
)""",
    """
CREATE TABLE weir_keys (
  tenant TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL,
  hash TEXT COLLATE "C" NOT NULL CHECK (hash ~ '^sha256:[0-9a-f]{64}$'),
  project TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('admin', 'finance', 'tenant')),
  models TEXT CHECK (json_typeof(models::json) = 'array'),
  created_us BIGINT NOT NULL, expires_us BIGINT, revoked_us BIGINT,
  PRIMARY KEY (tenant, name),
  CONSTRAINT weir_keys_hash UNIQUE (hash)
)""",
    """
CREATE TABLE weir_keys_version (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  store TEXT NOT NULL, changes BIGINT NOT NULL, revision INTEGER NOT NULL
)""",
)
# The schema is named, since who changes a row by hand may have another search path.
_FUNCTION = """
CREATE FUNCTION weir_keys_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('UPDATE %I.weir_keys_version SET changes = changes + 1', TG_TABLE_SCHEMA);
  RETURN NULL;
END $$"""
_TRIGGERS = tuple(
    f"CREATE TRIGGER weir_keys_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION weir_keys_changed()"
    for table in ("weir_tenants", "weir_keys")
)

REVISIONS: tuple[tuple[str, ...], ...] = ((*_TABLES, _FUNCTION, *_TRIGGERS),)
"""Each a transaction's statements; a store's revision says how many of these it has."""
