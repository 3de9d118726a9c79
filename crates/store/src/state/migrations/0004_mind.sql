-- What the mind found, and what its detectors have learned.

CREATE TABLE insight (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX insight_key ON insight (key, id) WHERE key IS NOT NULL;

CREATE TABLE detector (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX detector_key ON detector (key, id) WHERE key IS NOT NULL;
