"""Messages sent and handled by one Kafka client: python messages.py CLIENT BOOTSTRAP TOPIC COUNT.

Prints how many were sent and handled per second, and the CPU time of one in µs, all threads and the exporter included.
"""

import os
import sys
import time

from kafka_clients import CLIENTS

QUIET = 0.6  # s; what has waited for the exporter is delivered by then
WARM_UP = 200

name, bootstrap, topic, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
sends, handles = CLIENTS[name]
sent, handled = sends(bootstrap, topic), handles(bootstrap, topic, topic)
sent(WARM_UP)
handled(WARM_UP)
time.sleep(QUIET)
cpu, begin = time.process_time(), time.perf_counter()
sent(count)
between = time.perf_counter()
handled(count)
end = time.perf_counter()
time.sleep(QUIET)
each = (time.process_time() - cpu) / count * 1e6
print(f"{count / (between - begin):.0f} {count / (end - between):.0f} {each:.2f}", flush=True)
os._exit(0)  # clients that are not closed take their time
