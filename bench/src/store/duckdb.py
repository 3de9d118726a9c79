"""DuckDB on the benchmark's data: arguments are the file of values, the database, series, points, points a commit."""
import json
import os
import resource
import sys
import time

import duckdb
import numpy as np

values_path, database, series, points, commit = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
START, TICK = 1_767_225_600_000_000, 10_000_000
values = np.fromfile(values_path, dtype="<f8", count=points)
index = np.arange(points, dtype=np.int64)
columns = ((index % series).astype(np.int32), START + index // series * TICK, values)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def each(runs, query):
    before = cpu()
    for run in range(runs):
        query(run)
    return (cpu() - before) * 1e3 / runs


connection = duckdb.connect(database)
connection.execute("SET threads = 1")
connection.execute("CREATE TABLE p (series INTEGER, time BIGINT, value DOUBLE)")
before, started = cpu(), time.perf_counter()
for offset in range(0, points, commit):
    batch = {name: column[offset : offset + commit] for name, column in zip(("series", "time", "value"), columns)}
    connection.execute("INSERT INTO p SELECT series, time, value FROM batch")
ingest_cpu, ingest_wall = cpu() - before, time.perf_counter() - started
connection.execute("CHECKPOINT")
size = os.path.getsize(database)

ticks = points // series
end = START + ticks * TICK
hour = 3_600_000_000
day = min(24 * hour, end - START)
by_hour = lambda _: connection.execute(
    "SELECT series, time // 3600000000 AS hour, min(value), max(value), sum(value), count(*) "
    "FROM p WHERE time >= ? AND time < ? GROUP BY ALL",
    [end - day, end],
).fetchnumpy()
one_hour = lambda run: connection.execute(
    "SELECT time, value FROM p WHERE series = ? AND time >= ? AND time < ? ORDER BY time",
    [run * 7919 % series, end - hour, end],
).fetchnumpy()
print(json.dumps({
    "version": duckdb.__version__,
    "points": points,
    "ingest_cpu": ingest_cpu,
    "ingest_wall": ingest_wall,
    "bytes": size,
    "by_hour_ms": each(3, by_hour),
    "one_hour_ms": each(20, one_hour),
}))
