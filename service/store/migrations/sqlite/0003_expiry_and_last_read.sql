-- When a secret expires: what counts is in its record, these are for listing. And when each was last read: what counts is
-- the audit log, from which this is noted with every batch of records.

ALTER TABLE secrets ADD COLUMN expires_at INTEGER;
ALTER TABLE heads ADD COLUMN expires_at INTEGER;

CREATE TABLE last_reads (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    PRIMARY KEY (scope, key)
) WITHOUT ROWID;

INSERT INTO last_reads (scope, key, at_ms, user_name)
    SELECT i.scope, json_extract(i.body, '$.requestParams.key'), max(i.at_ms), i.user_name
    FROM audit i JOIN audit o ON o.request_id = i.request_id AND o.phase = 1
    WHERE i.phase = 0 AND i.action = 'getSecret' AND o.failed = 0 AND i.scope IS NOT NULL
    GROUP BY 1, 2;
