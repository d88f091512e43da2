"""What MySQL's dialects of Django and SQLAlchemy, and its own tools, really send: summaries, and no literal in any byte."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from autotrace.conventions.db import describe
from autotrace.conventions.sql import read
from autotrace.export.otlp import Encoder, Limits
from autotrace.families.db import query
from autotrace.trace.span import CLIENT, Operation
from autotrace.trace.tracer import tracer

# Every literal has one of these in it.
SECRETS = ("zq7secret", "777123")
OPERATION = Operation(query.FAMILY, CLIENT, "mysql", describe, uniform=True)

DJANGO = {
    """SELECT VERSION(),
       @@sql_mode,
       @@default_storage_engine,
       @@sql_auto_is_null,
       @@lower_case_table_names,
       CONVERT_TZ('zq7secret', 'UTC', 'UTC') IS NOT NULL""": "SELECT",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED": "SET",
    "SET foreign_key_checks=777123": "SET",
    "SELECT `user`.`id`, `user`.`password` FROM `user` WHERE `user`.`name` = 'zq7secret' LIMIT 777123": "SELECT user",
    "SELECT COUNT(*) AS `__count` FROM `order` INNER JOIN `customer` ON (`order`.`by_id` = `customer`.`id`) "
    "WHERE (`customer`.`city` LIKE BINARY 'zq7secret%' AND `order`.`total` > 777123.50)": "SELECT order customer",
    "SELECT (777123) AS `a` FROM `django_session` WHERE `key` = 'zq7secret' LIMIT 777123": "SELECT django_session",
    "INSERT INTO `order` (`id`, `note`) VALUES (777123, 'it''s zq7secret') RETURNING `order`.`id`": "INSERT order",
    "INSERT INTO `order` (`id`, `note`) VALUES (777123, 'it\\'s zq7secret')": "INSERT order",
    "INSERT IGNORE INTO `tag` (`name`) VALUES ('zq7secret'), ('zq7secret')": "INSERT tag",
    "INSERT INTO `tag` (`n`) VALUES (777123) ON DUPLICATE KEY UPDATE `n` = VALUES(`n`)": "INSERT tag",
    "INSERT INTO `tag` (`n`) VALUES ('zq7secret') AS new ON DUPLICATE KEY UPDATE `n` = new.`n`": "INSERT tag",
    "UPDATE `product` SET `stock` = (`product`.`stock` - 777123) WHERE `product`.`id` IN (777123, 7771234)": (
        "UPDATE product"
    ),
    "UPDATE `p` SET `price` = CASE WHEN (`p`.`id` = 777123) THEN 'zq7secret' ELSE NULL END": "UPDATE p",
    "DELETE FROM `django_session` WHERE `django_session`.`expire_date` < 'zq7secret'": "DELETE django_session",
    "DELETE `a` FROM `a` INNER JOIN `b` U1 ON (`a`.`b_id` = U1.`id`) WHERE U1.`x` = 'zq7secret'": "DELETE a a b",
    "SELECT `a`.`id` FROM `a` WHERE `a`.`id` = 777123 FOR UPDATE SKIP LOCKED": "SELECT a",
    "SELECT DISTINCT CAST(DATE_FORMAT(CONVERT_TZ(`o`.`at`, 'UTC', 'zq7secret'), '%Y zq7secret') AS DATETIME) AS `m` "
    "FROM `order` `o` ORDER BY `m` ASC": "SELECT order",
    "SELECT `p`.`id` FROM `p` WHERE JSON_EXTRACT(`p`.`d`, '$.\"zq7secret\"') = JSON_EXTRACT('\"zq7secret\"', '$')": (
        "SELECT p"
    ),
    "SELECT `p`.`id` FROM `p` WHERE MATCH (`p`.`t`) AGAINST ('zq7secret' IN BOOLEAN MODE)": "SELECT p",
    "SELECT `p`.`id` FROM `p` WHERE `p`.`t` REGEXP BINARY '^zq7secret\"b`c'": "SELECT p",
    "(SELECT `a`.`id` FROM `a` WHERE `a`.`x` = 'zq7secret') UNION (SELECT `b`.`id` FROM `b`) LIMIT 777123": (
        "SELECT a SELECT b"
    ),
    "SAVEPOINT `s140_x1`": "SAVEPOINT",
    "RELEASE SAVEPOINT `s140_x1`": "RELEASE",
    "ROLLBACK TO SAVEPOINT `s140_x1`": "ROLLBACK",
    "SHOW INDEX FROM `order`": "SHOW",
    "SELECT `column_name` FROM information_schema.columns WHERE table_name = 'zq7secret'": (
        "SELECT information_schema.columns"
    ),
    "CREATE TABLE `tag` (`id` bigint AUTO_INCREMENT NOT NULL PRIMARY KEY, `n` varchar(777123) DEFAULT 'zq7secret') "
    "COMMENT='zq7secret'": "CREATE TABLE tag",
    "ALTER TABLE `order` ADD COLUMN `note` longtext DEFAULT ('zq7secret') NOT NULL": "ALTER TABLE order",
    "ALTER TABLE `order` DROP FOREIGN KEY `fk`": "ALTER TABLE order",
    "DROP INDEX `idx` ON `order`": "DROP INDEX idx",
    "TRUNCATE `django_session`": "TRUNCATE django_session",
    "DROP TABLE IF EXISTS `a`, `b` CASCADE": "DROP TABLE a b",
}
SQLALCHEMY = {
    "SELECT DATABASE()": "SELECT",
    "SELECT @@transaction_isolation": "SELECT",
    "SELECT CAST('zq7secret' AS CHAR CHARACTER SET utf8mb4) COLLATE utf8mb4_bin AS anon_1": "SELECT",
    "DESCRIBE `shop`.`orders`": "DESCRIBE",
    "SHOW CREATE TABLE `orders`": "SHOW",
    "SHOW VARIABLES LIKE 'zq7secret'": "SHOW",
    "SELECT orders.id, orders.note \nFROM orders \nWHERE orders.note = %(n)s AND orders.id IN (%(a)s, %(b)s)": (
        "SELECT orders"
    ),
    "INSERT INTO orders (id, note) VALUES (%s, %s), (%s, %s)": "INSERT orders",
    "UPDATE a, b SET a.x='zq7secret' WHERE a.id = b.id": "UPDATE a b",
    "WITH RECURSIVE c(n) AS \n(SELECT 777123 AS n UNION ALL SELECT c.n + 777123 AS n \nFROM c) \n SELECT t.x \nFROM c "
    "INNER JOIN t ON t.n = c.n": "SELECT SELECT SELECT t",
    "SELECT /*+ MAX_EXECUTION_TIME(777123) */ `a` FROM `t` -- zq7secret\nWHERE 777123 = 777123 # zq7secret": "SELECT t",
}
OTHERS = {
    "REPLACE INTO `cache` VALUES (0x777123, x'777123', _utf8mb4'zq7secret', N'zq7secret', 777123e5)": "REPLACE cache",
    "SELECT /*!40001 SQL_NO_CACHE */ * FROM `t` WHERE a = 777123": "SELECT t",
    "/*!50003 INSERT INTO t VALUES ('zq7secret') */": "",
    'INSERT INTO t SET a = "zq7secret", b = "it\\"s zq7secret"': "INSERT t",
    "SELECT 'zq7secret' 'zq7secret' \"zq7secret\" FROM `t``x` WHERE `we``ird` = 777123--777123": "SELECT `t``x`",
    "LOAD DATA LOCAL INFILE '/tmp/zq7secret' INTO TABLE songs FIELDS TERMINATED BY 'zq7secret'": "LOAD",
    "CALL `update_stock`(777123, 'zq7secret')": "CALL update_stock",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT": "START",
    "XA COMMIT 'zq7secret'": "XA",
    "LOCK TABLES `a` WRITE": "LOCK",
    "SELECT GET_LOCK('zq7secret', 777123)": "SELECT",
    "KILL 777123": "KILL",
    "EXPLAIN SELECT * FROM `t` WHERE a = 'zq7secret'": "EXPLAIN SELECT t",
    "INSERT INTO t (a) SELECT 'zq7secret' FROM `u` WHERE x = 777123": "INSERT t SELECT u",
    "CREATE USER 'zq7secret'@'%' IDENTIFIED BY 'zq7secret'": "CREATE USER",
    "SET PASSWORD FOR 'zq7secret'@'%' = PASSWORD('zq7secret')": "SET",
    "PREPARE stmt FROM 'SELECT zq7secret'": "PREPARE",
    "SELECT 1; SELECT `a` FROM `t` WHERE `b` = 'zq7secret'; UPDATE `u` SET c = 'zq7secret'": "SELECT SELECT t UPDATE u",
}
STATEMENTS = {**DJANGO, **SQLALCHEMY, **OTHERS}


@pytest.mark.parametrize("system", ["mysql", "mariadb"])
@pytest.mark.parametrize(("statement", "summary"), STATEMENTS.items())
def test_a_statement_is_summed_up_as_a_reader_would(statement, summary, system):
    """Operations and their targets, whichever of the two servers it is."""
    assert read(statement, system).summary == summary


def test_no_literal_is_in_an_exported_byte(recorder):
    """Also where the encoder remembers what it has said of the same shape before."""
    assert len(STATEMENTS) > 50
    for system in ("mysql", "mariadb") * 3:
        for statement in STATEMENTS:
            span = tracer.start(OPERATION, ((system, "shop", "127.0.0.1", 3306), statement, None), None)
            tracer.finish(span)
    [request] = Encoder({}, Limits(), lambda moment: moment).encode(recorder.spans)
    assert len(ExportTraceServiceRequest.FromString(request).resource_spans[0].scope_spans[0].spans) == len(
        recorder.spans
    )
    assert b"SELECT" in request
    for secret in SECRETS:
        assert secret.encode() not in request
