"""Sends what a consumer that is measured is to handle; nobody counts its time."""

import os

from chunks import serve
from kafka_clients import confluent_kafka_sends

serve(confluent_kafka_sends(os.environ["BENCH_KAFKA"], os.environ["BENCH_TOPIC"]))
