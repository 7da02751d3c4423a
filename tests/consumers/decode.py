#!/usr/bin/env python3
"""Decodes every topic with the .avsc files alone, sharing no code with the stages.

    decode.py --bootstrap-servers HOST:PORT [--prefix qlik.metadata.] [--schemas schemas/avro]
              [--expect dashboards=3,charts=10] [--jsonl FOLDER]

Reads every event topic from its beginning to the end it has now, checks framing, schema, key and
headers of every record, prints one line a topic, and fails (exit 1) when anything does not fit or a
count differs from the expected one. Counts are of live keys: the newest value of each, tombstones off.
"""
import argparse
import io
import json
import pathlib
import sys

import fastavro
from confluent_kafka import Consumer, KafkaError, TopicPartition

FILES = {
    "dashboards": "dashboard.avsc",
    "charts": "chart.avsc",
    "datamodels": "datamodel.avsc",
    "lineage": "lineage.avsc",
    "runs": "run.avsc",
}


def load_schema(path):
    raw = json.loads(path.read_text())
    parsed = fastavro.parse_schema(raw)
    canonical = fastavro.schema.to_parsing_canonical_form(raw)
    fingerprint = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    return parsed, bytes.fromhex(fingerprint)


def payload_of(value, fingerprint):
    """The Avro datum behind either framing."""
    if value[:1] == b"\x00":
        return value[5:]
    if value[:2] == b"\xc3\x01":
        # The specification wants the fingerprint in little-endian order, which is how fastavro gives it.
        if value[2:10] != fingerprint:
            raise ValueError(f"fingerprint {value[2:10].hex()} is not that of the .avsc ({fingerprint.hex()})")
        return value[10:]
    raise ValueError(f"unknown framing: {value[:2].hex()}")


def key_of(suffix, event):
    service = event["service"]
    if suffix == "dashboards":
        return f"{service}/{event['app_id']}"
    if suffix == "charts":
        return f"{service}/{event['app_id']}/{event['object_id']}"
    if suffix == "datamodels":
        if event["kind"] == "FILE":
            return f"{service}/file/{event['file']['path']}"
        return f"{service}/{event['app_id']}/{event['table']}"
    if suffix == "runs":
        return service
    return None  # lineage: a hash


def check_record(suffix, message, schema, fingerprint):
    """The event of a record, or None for a tombstone; raises when something does not fit."""
    headers = {name: value.decode() for name, value in message.headers() or []}
    for name in ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "run-id"):
        if name not in headers:
            raise ValueError(f"header {name} is missing")
    if message.value() is None:
        return None
    payload = io.BytesIO(payload_of(message.value(), fingerprint))
    event = fastavro.schemaless_reader(payload, schema)
    if payload.read(1):
        raise ValueError("bytes follow the Avro datum")
    expected = key_of(suffix, event)
    key = message.key().decode()
    if expected is not None and key != expected:
        raise ValueError(f"key {key!r} is not {expected!r}")
    if len(headers.get("content-hash", "")) != 32:
        raise ValueError("header content-hash is not 32 hex digits")
    if suffix == "dashboards" and "extract-fingerprint" not in headers:
        raise ValueError("header extract-fingerprint is missing")
    return event


def read_topic(options, suffix, schema, fingerprint):
    topic = options.prefix + suffix
    consumer = Consumer(
        {
            "bootstrap.servers": options.bootstrap_servers,
            "group.id": "decode",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    metadata = consumer.list_topics(topic, timeout=30).topics[topic]
    if metadata.error or not metadata.partitions:
        raise SystemExit(f"{topic}: {metadata.error or 'no partitions'}")
    consumer.assign([TopicPartition(topic, partition, 0) for partition in metadata.partitions])
    left = set(metadata.partitions)
    records, live = 0, {}
    while left:
        message = consumer.poll(30)
        if message is None:
            raise SystemExit(f"{topic}: no answer for 30 s")
        if message.error():
            if message.error().code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
                continue
            raise SystemExit(f"{topic}: {message.error()}")
        records += 1
        key = message.key().decode()
        try:
            event = check_record(suffix, message, schema, fingerprint)
        except Exception as error:
            raise SystemExit(f"{topic}/{message.partition()}@{message.offset()} {key}: {error}") from error
        if event is None:
            live.pop(key, None)
        else:
            live[key] = event
    consumer.close()
    return records, live


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--prefix", default="qlik.metadata.")
    parser.add_argument("--schemas", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2] / "schemas" / "avro")
    parser.add_argument("--expect", default="", help="live keys by topic: dashboards=3,charts=10")
    parser.add_argument("--jsonl", type=pathlib.Path, help="write the live events of each topic here")
    options = parser.parse_args()
    expected = dict(part.split("=") for part in options.expect.split(",") if part)
    wrong = 0
    for suffix, file in FILES.items():
        schema, fingerprint = load_schema(options.schemas / file)
        records, live = read_topic(options, suffix, schema, fingerprint)
        note = ""
        if suffix in expected and int(expected[suffix]) != len(live):
            note, wrong = f"  expected {expected[suffix]}", wrong + 1
        if records == 0:
            note, wrong = "  nothing on the topic", wrong + 1
        print(f"{options.prefix}{suffix}: {records} records decoded, {len(live)} live keys{note}")
        if options.jsonl:
            options.jsonl.mkdir(parents=True, exist_ok=True)
            lines = (json.dumps(event, default=str, sort_keys=True) for event in live.values())
            (options.jsonl / f"{suffix}.jsonl").write_text("".join(line + "\n" for line in lines))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
