-- SPDX-License-Identifier: MIT
-- A table in memory: fill, index, join, group, update, delete.
CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, name TEXT, v REAL);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
INSERT INTO t SELECT i, i * 7919 % 1009, printf('row %05d', i * 31 % 65537), i / 8.0 FROM n;
COMMIT;
CREATE INDEX tk ON t (k);
CREATE INDEX tn ON t (name);
SELECT count(*), sum(v), min(name), max(name) FROM t;
SELECT k, count(*), total(v) FROM t GROUP BY k ORDER BY 3 DESC LIMIT 20;
SELECT count(*), sum(a.v * b.id) FROM t a JOIN t b ON b.k = (a.k * 3 + 1) % 1009 WHERE a.id % 40 = 0;
UPDATE t SET v = v * 2, name = upper(name) WHERE k BETWEEN 100 AND 400;
DELETE FROM t WHERE name LIKE '%777%';
SELECT count(*), sum(v), group_concat(substr(name, 5, 2), '') FROM t WHERE id % 500 = 3;
