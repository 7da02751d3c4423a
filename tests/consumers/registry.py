#!/usr/bin/env python3
"""The shortest consumer: Confluent's AvroDeserializer, which asks the registry for every schema.

    registry.py --bootstrap-servers HOST:PORT --registry URL [--topic qlik.metadata.dashboards] [--property NAME=VALUE]…

Prints key and value of every record as JSON lines, tombstones as null, to what is the end of the topic.
Needs confluent-kafka[avro,schemaregistry].
"""
import argparse
import json

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--bootstrap-servers", required=True)
parser.add_argument("--registry", required=True)
parser.add_argument("--topic", default="qlik.metadata.dashboards")
parser.add_argument("--property", action="append", default=[])
options = parser.parse_args()

deserialize = AvroDeserializer(SchemaRegistryClient({"url": options.registry}))
config = {"bootstrap.servers": options.bootstrap_servers, "group.id": "registry-example",
          "enable.auto.commit": False, "enable.partition.eof": True}
config.update(property.split("=", 1) for property in options.property)
consumer = Consumer(config)
partitions = list(consumer.list_topics(options.topic, timeout=30).topics[options.topic].partitions)
consumer.assign([TopicPartition(options.topic, partition, 0) for partition in partitions])
while partitions:
    message = consumer.poll(30)
    if message is None:
        raise SystemExit("no answer for 30 s")
    if message.error():
        if message.error().code() != KafkaError._PARTITION_EOF:
            raise SystemExit(str(message.error()))
        partitions.remove(message.partition())
        continue
    context = SerializationContext(options.topic, MessageField.VALUE, message.headers())
    event = deserialize(message.value(), context)
    print(json.dumps({"key": message.key().decode(), "value": event}, default=str))
consumer.close()
