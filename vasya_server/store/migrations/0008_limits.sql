-- The buckets of the rate limits that are not full. A bucket is named by random ids and keyed digests alone.
CREATE TABLE limits (
    quota TEXT NOT NULL,
    bucket TEXT NOT NULL,
    full_at_ms INTEGER NOT NULL,
    PRIMARY KEY (quota, bucket)
) STRICT, WITHOUT ROWID;

CREATE INDEX limits_by_time ON limits (full_at_ms);
