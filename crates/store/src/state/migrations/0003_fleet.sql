-- Orders and robots of fleets in operation.

CREATE TABLE fleet_order (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX fleet_order_key ON fleet_order (key, id) WHERE key IS NOT NULL;

CREATE TABLE fleet_robot (
    id TEXT PRIMARY KEY NOT NULL,
    rev INTEGER NOT NULL,
    updated INTEGER NOT NULL, -- microseconds since 1970 UTC
    key TEXT,
    document BLOB NOT NULL
) STRICT;
CREATE INDEX fleet_robot_key ON fleet_robot (key, id) WHERE key IS NOT NULL;
