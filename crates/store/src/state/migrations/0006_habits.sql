-- What people and rules did to things, what is suggested of it, and browsers that are told.

CREATE TABLE habit_note (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX habit_note_key ON habit_note (key, id) WHERE key IS NOT NULL;

CREATE TABLE suggestion (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX suggestion_key ON suggestion (key, id) WHERE key IS NOT NULL;

CREATE TABLE push_subscription (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX push_subscription_key ON push_subscription (key, id) WHERE key IS NOT NULL;
