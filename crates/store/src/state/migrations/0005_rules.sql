-- Rules, what they did and would do, and what they tell people.

CREATE TABLE rule (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX rule_key ON rule (key, id) WHERE key IS NOT NULL;

CREATE TABLE rule_version (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX rule_version_key ON rule_version (key, id) WHERE key IS NOT NULL;

CREATE TABLE rule_trace (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX rule_trace_key ON rule_trace (key, id) WHERE key IS NOT NULL;

CREATE TABLE rule_backtest (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX rule_backtest_key ON rule_backtest (key, id) WHERE key IS NOT NULL;

CREATE TABLE rule_decision (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX rule_decision_key ON rule_decision (key, id) WHERE key IS NOT NULL;

CREATE TABLE scene (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX scene_key ON scene (key, id) WHERE key IS NOT NULL;

CREATE TABLE alarm (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX alarm_key ON alarm (key, id) WHERE key IS NOT NULL;

CREATE TABLE notification (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX notification_key ON notification (key, id) WHERE key IS NOT NULL;
