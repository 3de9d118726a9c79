-- One table of one shape for each kind of row.

CREATE TABLE thing (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX thing_key ON thing (key, id) WHERE key IS NOT NULL;

CREATE TABLE twin (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX twin_key ON twin (key, id) WHERE key IS NOT NULL;

CREATE TABLE model (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX model_key ON model (key, id) WHERE key IS NOT NULL;

CREATE TABLE space (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX space_key ON space (key, id) WHERE key IS NOT NULL;

CREATE TABLE command (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX command_key ON command (key, id) WHERE key IS NOT NULL;

CREATE TABLE session (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX session_key ON session (key, id) WHERE key IS NOT NULL;

CREATE TABLE in_flight (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX in_flight_key ON in_flight (key, id) WHERE key IS NOT NULL;

CREATE TABLE retained (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX retained_key ON retained (key, id) WHERE key IS NOT NULL;

CREATE TABLE adapter (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX adapter_key ON adapter (key, id) WHERE key IS NOT NULL;

CREATE TABLE credential (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX credential_key ON credential (key, id) WHERE key IS NOT NULL;

CREATE TABLE user (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX user_key ON user (key, id) WHERE key IS NOT NULL;

CREATE TABLE sign_in (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX sign_in_key ON sign_in (key, id) WHERE key IS NOT NULL;

CREATE TABLE token (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX token_key ON token (key, id) WHERE key IS NOT NULL;

CREATE TABLE audit (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX audit_key ON audit (key, id) WHERE key IS NOT NULL;

CREATE TABLE setting (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX setting_key ON setting (key, id) WHERE key IS NOT NULL;
