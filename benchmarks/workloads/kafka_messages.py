"""Messages of one Kafka client, as they are ordered: python kafka_messages.py CLIENT sends|handles.

What is handled has been sent by ``kafka_sender.py``, a process of its own.
"""

import os
import sys

from chunks import serve
from kafka_clients import CLIENTS

sends, handles = CLIENTS[sys.argv[1]]
bootstrap, topic = os.environ["BENCH_KAFKA"], os.environ["BENCH_TOPIC"]
serve(sends(bootstrap, topic) if sys.argv[2] == "sends" else handles(bootstrap, topic, None))
