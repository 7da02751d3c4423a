#!/usr/bin/env python3
"""Keeps tables of dashboards, charts, fields and lineage in DuckDB from the topics, and asks them.

    tables.py load  DATABASE --bootstrap-servers HOST:PORT [--registry URL] [--prefix qlik.metadata.]
                             [--property NAME=VALUE]… [--follow]
    tables.py ask   DATABASE charts-of-column COLUMN [TABLE]  which charts use this column or field
    tables.py ask   DATABASE unused-fields [APP]              which fields no chart reads
    tables.py ask   DATABASE apps-of-file PATH                which apps read or write this QVD (part of the path)
    tables.py ask   DATABASE breaks-with TABLE                what breaks when this table or file goes
    tables.py ask   DATABASE not-reloaded DAYS                whose apps have not been reloaded for so long
    tables.py ask   DATABASE failed-apps                      which apps the last run could not read, and why
    tables.py ask   DATABASE sql 'SELECT …'                   anything else

`load` goes on where it stopped: offsets are in the database, written in the same transaction as the
rows. Without --follow it ends at what was the end of the topics when it began. Needs confluent-kafka,
fastavro, duckdb; reads the schemas from schemas/avro, or from the registry when there is one.
"""
import argparse
import io
import json
import pathlib
import sys

import duckdb
import fastavro
from confluent_kafka import Consumer, KafkaError, TopicPartition

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas" / "avro"
FILES = {
    "dashboards": "dashboard.avsc",
    "charts": "chart.avsc",
    "datamodels": "datamodel.avsc",
    "lineage": "lineage.avsc",
    "runs": "run.avsc",
}
BATCH = 500

# Nodes of the lineage are text: app/<id>, chart/<app>/<object>, model/<app>/<table>, file/<path>,
# table/<database>.<schema>.<table>; what is unknown of a table is left out.
TABLES = """
CREATE TABLE IF NOT EXISTS offsets (topic VARCHAR, partition INTEGER, next BIGINT, PRIMARY KEY (topic, partition));
CREATE TABLE IF NOT EXISTS dashboards (key VARCHAR PRIMARY KEY, service VARCHAR, app_id VARCHAR, title VARCHAR,
  project VARCHAR, owner VARCHAR, owner_email VARCHAR, published BOOLEAN, url VARCHAR, last_reload_at TIMESTAMPTZ);
CREATE TABLE IF NOT EXISTS charts (key VARCHAR PRIMARY KEY, service VARCHAR, app_id VARCHAR, object_id VARCHAR,
  sheet VARCHAR, title VARCHAR, chart_type VARCHAR);
CREATE TABLE IF NOT EXISTS chart_fields (key VARCHAR, role VARCHAR, expression VARCHAR, field VARCHAR);
CREATE TABLE IF NOT EXISTS models (key VARCHAR PRIMARY KEY, service VARCHAR, app_id VARCHAR, kind VARCHAR,
  name VARCHAR, row_count BIGINT);
CREATE TABLE IF NOT EXISTS fields (key VARCHAR, position INTEGER, name VARCHAR, data_type VARCHAR,
  expression VARCHAR, distinct_values BIGINT);
CREATE TABLE IF NOT EXISTS edges (key VARCHAR PRIMARY KEY, service VARCHAR, app_id VARCHAR, source VARCHAR,
  target VARCHAR, origin VARCHAR, resolution VARCHAR);
CREATE TABLE IF NOT EXISTS edge_columns (key VARCHAR, source_column VARCHAR, target_column VARCHAR, expression VARCHAR);
CREATE TABLE IF NOT EXISTS runs (run_id VARCHAR PRIMARY KEY, service VARCHAR, phase VARCHAR,
  started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, apps_seen BIGINT, apps_read BIGINT, error VARCHAR);
CREATE TABLE IF NOT EXISTS failed_apps (run_id VARCHAR, app_id VARCHAR, reason VARCHAR);
"""
# Table with the key first, then those that belong to it.
OF_TOPIC = {
    "dashboards": ("dashboards",),
    "charts": ("charts", "chart_fields"),
    "datamodels": ("models", "fields"),
    "lineage": ("edges", "edge_columns"),
    "runs": ("runs", "failed_apps"),
}


class Decoder:
    """Values of either framing."""

    def __init__(self, registry):
        self.readers, self.by_fingerprint = {}, {}
        for suffix, name in FILES.items():
            raw = json.loads((SCHEMAS / name).read_text())
            self.readers[suffix] = fastavro.parse_schema(raw)
        for path in [*SCHEMAS.glob("*.avsc"), *SCHEMAS.glob("published/*/*.avsc")]:
            raw = json.loads(path.read_text())
            canonical = fastavro.schema.to_parsing_canonical_form(raw)
            fingerprint = bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))
            schema = fastavro.parse_schema(raw)
            # In little-endian order, as the specification wants it in the values.
            self.by_fingerprint[fingerprint] = schema
        self.registry, self.by_id = None, {}
        if registry:
            from confluent_kafka.schema_registry import SchemaRegistryClient

            self.registry = SchemaRegistryClient({"url": registry})

    def decode(self, suffix, value):
        if value[:1] == b"\x00":
            if self.registry is None:
                raise SystemExit("values are in Confluent's wire format: --registry URL is needed")
            schema_id = int.from_bytes(value[1:5], "big")
            if schema_id not in self.by_id:
                text = self.registry.get_schema(schema_id).schema_str
                self.by_id[schema_id] = fastavro.parse_schema(json.loads(text))
            writer, payload = self.by_id[schema_id], value[5:]
        else:
            writer, payload = self.by_fingerprint[value[2:10]], value[10:]
        return fastavro.schemaless_reader(io.BytesIO(payload), writer, self.readers[suffix])


def node(value):
    if "object_id" in value:
        return f"chart/{value['app_id']}/{value['object_id']}"
    if "path" in value:
        return f"file/{value['path']}"
    if "app_id" in value:
        return f"model/{value['app_id']}/{value['table']}" if "table" in value else f"app/{value['app_id']}"
    parts = (value["database"], value["schema"], value["table"])
    return "table/" + ".".join(part for part in parts if part)


def rows(suffix, key, event):
    """Rows of an event by table."""
    if suffix == "dashboards":
        owner, project = event["owner"] or {}, event["project"] or {}
        name = owner.get("name") or owner.get("id")
        yield "dashboards", (key, event["service"], event["app_id"], event["title"], project.get("name"), name,
                             owner.get("email"), event["published"], event["url"], event["last_reload_at"])
    elif suffix == "charts":
        yield "charts", (key, event["service"], event["app_id"], event["object_id"], event["sheet_title"],
                         event["title"] or event["title_expression"], event["chart_type"])
        for measure in event["measures"]:
            for field in measure["fields"]:
                yield "chart_fields", (key, "MEASURE", measure["expression"], field)
        for dimension in event["dimensions"]:
            for field in dimension["fields"]:
                yield "chart_fields", (key, "DIMENSION", ", ".join(dimension["expressions"]), field)
        for auxiliary in event["auxiliary_expressions"]:
            for field in auxiliary["fields"]:
                yield "chart_fields", (key, auxiliary["role"], auxiliary["expression"], field)
    elif suffix == "datamodels":
        name = event["table"] or event["file"]["path"]
        yield "models", (key, event["service"], event["app_id"], event["kind"], name, event["rows"])
        for position, field in enumerate(event["fields"]):
            yield "fields", (key, position, field["name"], field["data_type"], field["expression"],
                             field["distinct_values"])
    elif suffix == "lineage":
        yield "edges", (key, event["service"], event["app_id"], node(event["from"]), node(event["to"]),
                        event["origin"], event["resolution"])
        for column in event["columns"]:
            for source in column["from_columns"]:
                yield "edge_columns", (key, source, column["to_column"], column["expression"])
    else:
        yield "runs", (event["run_id"], event["service"], event["phase"], event["started_at"], event["ended_at"],
                       event["apps_seen"], event["apps_read"], event["error"])
        for app in event["apps_failed"]:
            yield "failed_apps", (event["run_id"], app["app_id"], app["reason"])


def apply(database, batch, decoder):
    """The newest version of each key of a batch, and how far it goes, in one transaction."""
    newest, offsets = {}, {}
    for suffix, message in batch:
        key = message.key().decode()
        event = message.value() and decoder.decode(suffix, message.value())
        if suffix == "runs":
            key = event["run_id"]
        newest[suffix, key] = event
        offsets[message.topic(), message.partition()] = message.offset() + 1
    database.begin()
    inserted = {}
    for (suffix, key), event in newest.items():
        for table in OF_TOPIC[suffix]:
            column = "run_id" if suffix == "runs" else "key"
            database.execute(f"DELETE FROM {table} WHERE {column} = ?", [key])
        for table, row in rows(suffix, key, event) if event else ():
            inserted.setdefault(table, []).append(row)
    for table, of_table in inserted.items():
        marks = ", ".join("?" * len(of_table[0]))
        database.executemany(f"INSERT INTO {table} VALUES ({marks})", of_table)
    for (topic, partition), following in offsets.items():
        database.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", [topic, partition, following])
    database.commit()


def load(options):
    database = duckdb.connect(options.database)
    database.execute(TABLES)
    decoder = Decoder(options.registry)
    config = {"bootstrap.servers": options.bootstrap_servers, "group.id": "tables", "enable.auto.commit": False,
              "enable.partition.eof": True, "auto.offset.reset": "earliest"}
    config.update(property.split("=", 1) for property in options.property)
    consumer = Consumer(config)
    names = {options.prefix + suffix: suffix for suffix in FILES}
    known = {(topic, partition): following for topic, partition, following in database.execute("FROM offsets").fetchall()}
    places = []
    for topic in names:
        metadata = consumer.list_topics(topic, timeout=30).topics[topic]
        if metadata.error:
            raise SystemExit(f"{topic}: {metadata.error}")
        places += [TopicPartition(topic, number, known.get((topic, number), 0)) for number in metadata.partitions]
    consumer.assign(places)
    left, records, batch = {(place.topic, place.partition) for place in places}, 0, []
    while left or options.follow:
        message = consumer.poll(1)
        if message is not None and message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise SystemExit(f"Kafka: {message.error()}")
            left.discard((message.topic(), message.partition()))
        elif message is not None:
            batch.append((names[message.topic()], message))
            records += 1
        if batch and (len(batch) >= BATCH or message is None or not (left or options.follow)):
            apply(database, batch, decoder)
            batch = []
    consumer.close()
    print(f"{records} records")
    for tables in OF_TOPIC.values():
        for table in tables:
            print(f"{table}: {database.execute(f'SELECT count(*) FROM {table}').fetchone()[0]}")


CHARTS = "(SELECT c.*, d.title AS app FROM charts c LEFT JOIN dashboards d USING (service, app_id))"
# Everything that data flows to from a node, the node itself left out.
DOWNSTREAM = """
WITH RECURSIVE down(node) AS (
  SELECT DISTINCT source FROM edges WHERE lower(source) LIKE '%' || lower($what)
  UNION SELECT target FROM edges JOIN down ON source = node)
SELECT DISTINCT split_part(node, '/', 1) AS kind, coalesce(d.title || CASE WHEN c.key IS NULL THEN '' ELSE ' / ' || coalesce(c.title, c.object_id) END, node) AS name, node
FROM down
LEFT JOIN charts c ON node = 'chart/' || c.app_id || '/' || c.object_id
LEFT JOIN dashboards d ON d.app_id = split_part(node, '/', 2) AND split_part(node, '/', 1) IN ('app', 'chart', 'model')
WHERE lower(node) NOT LIKE '%' || lower($what)
ORDER BY ALL
"""
# Columns flow into columns; a chart uses a column when one of its fields has it among its origins.
CHARTS_OF_COLUMN = f"""
WITH RECURSIVE flow(node, name) AS (
  SELECT DISTINCT source, source_column FROM edges JOIN edge_columns USING (key)
  WHERE lower(source_column) = lower($column) AND ($tbl IS NULL OR lower(source) LIKE '%' || lower($tbl))
  UNION SELECT e.target, c.target_column FROM edges e JOIN edge_columns c USING (key)
  JOIN flow ON e.source = node AND c.source_column = name WHERE c.target_column IS NOT NULL)
SELECT DISTINCT c.app, c.sheet, coalesce(c.title, c.object_id) AS chart, f.role, f.expression
FROM flow JOIN {CHARTS} c ON starts_with(node, 'model/' || c.app_id || '/')
JOIN chart_fields f ON f.key = c.key AND f.field = flow.name
ORDER BY ALL
"""
QUESTIONS = {
    "charts-of-column": (CHARTS_OF_COLUMN, ("column", "tbl")),
    "unused-fields": (f"""
SELECT coalesce(d.title, m.app_id) AS app, m.name AS tbl, f.name AS field
FROM models m JOIN fields f USING (key) LEFT JOIN dashboards d USING (service, app_id)
WHERE m.kind = 'TABLE' AND ($app IS NULL OR m.app_id = $app OR d.title = $app) AND NOT EXISTS (
  SELECT 1 FROM charts c JOIN chart_fields u USING (key) WHERE c.app_id = m.app_id AND u.field = f.name)
  AND (SELECT count(*) FROM models o JOIN fields g USING (key) WHERE o.app_id = m.app_id AND o.kind = 'TABLE' AND g.name = f.name) = 1
ORDER BY ALL""", ("app",)),
    "apps-of-file": ("""
SELECT DISTINCT coalesce(d.title, e.app_id) AS app, CASE WHEN e.source LIKE 'file/%' AND lower(e.source) LIKE '%' || lower($what) || '%'
  THEN 'reads' ELSE 'writes' END AS how, CASE WHEN how = 'reads' THEN e.source ELSE e.target END AS file
FROM edges e LEFT JOIN dashboards d USING (service, app_id)
WHERE (e.source LIKE 'file/%' AND lower(e.source) LIKE '%' || lower($what) || '%')
   OR (e.target LIKE 'file/%' AND lower(e.target) LIKE '%' || lower($what) || '%')
ORDER BY ALL""", ("what",)),
    "breaks-with": (DOWNSTREAM, ("what",)),
    "not-reloaded": ("""
SELECT title, owner, owner_email, last_reload_at FROM dashboards
WHERE last_reload_at IS NULL OR last_reload_at < now() - to_days(CAST($days AS INTEGER)) ORDER BY last_reload_at NULLS FIRST, title""", ("days",)),
    "failed-apps": ("""
SELECT coalesce(d.title, f.app_id) AS app, d.owner, f.reason FROM failed_apps f
JOIN (SELECT service, arg_max(run_id, started_at) AS run_id FROM runs WHERE phase <> 'STARTED' GROUP BY service) r USING (run_id)
LEFT JOIN dashboards d ON d.service = r.service AND d.app_id = f.app_id ORDER BY ALL""", ()),
}


def ask(options):
    database = duckdb.connect(options.database, read_only=True)
    if options.question == "sql":
        answer = database.execute(options.arguments[0])
    else:
        query, parameters = QUESTIONS[options.question]
        given = options.arguments + [None] * (len(parameters) - len(options.arguments))
        answer = database.execute(query, dict(zip(parameters, given)))
    if options.json:
        names = [column[0] for column in answer.description]
        for row in answer.fetchall():
            print(json.dumps(dict(zip(names, row)), default=str))
    else:
        print("\t".join(column[0] for column in answer.description))
        for row in answer.fetchall():
            print("\t".join("" if value is None else str(value) for value in row))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    loading = commands.add_parser("load")
    loading.set_defaults(run=load)
    loading.add_argument("database")
    loading.add_argument("--bootstrap-servers", required=True)
    loading.add_argument("--registry", help="URL of the schema registry, with the path of its API")
    loading.add_argument("--prefix", default="qlik.metadata.")
    loading.add_argument("--property", action="append", default=[], help="any librdkafka property, name=value")
    loading.add_argument("--follow", action="store_true")
    asking = commands.add_parser("ask")
    asking.set_defaults(run=ask)
    asking.add_argument("database")
    asking.add_argument("--json", action="store_true")
    asking.add_argument("question", choices=[*QUESTIONS, "sql"])
    asking.add_argument("arguments", nargs="*")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
