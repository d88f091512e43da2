"""Opens the pizza shop, orders some pizzas, closes it, and shows the traces that autotrace took meanwhile.

python demo.py                 with autotrace in front of the four services; checks every order's trace
python demo.py --bare          the shop alone, to see that it works without
python demo.py --data-dir DIR  keeps the traces, to look at them afterwards

Needs `requirements.txt` and `autotrace[ui]` in the Python that runs it. KAFKA_BOOTSTRAP names a Kafka to use
instead of the small one that the demo starts. Exit code 0 says that all was as it should be.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from check import Reader, problems_of, traces_of_orders
from processes import DemoError, Process, fetch, free_ports, wait_until

HERE = Path(__file__).resolve().parent


@dataclasses.dataclass
class Order:
    customer: str
    pizza: str
    address: str
    burns: bool = False
    tacos: bool = False
    id: str = ""

    def __str__(self):
        return f"{self.customer}'s {self.pizza} to {self.address}"


def menu_of_the_day():
    return [
        Order("Marie", "margherita", "1 Baker Street"),
        Order("Giulia", "diavola", "2 Oven Lane", burns=True),
        Order("Diego", "funghi", "7 Taco Street", tacos=True),
        Order("Emil", "diavola", "9 Taco Street", burns=True, tacos=True),
        Order("Olga", "quattro formaggi", "3 Station Road"),
        Order("Noor", "margherita", "12 Harbour Road"),
    ]


class Shop:
    """The processes: broker, maps, and the four services, in a folder for their databases and logs."""

    def __init__(self, folder, runner, env):
        self.folder = folder
        self.runner = runner  # the path of autotrace-run, or None
        self.env = env
        self.services = []
        self.helpers = []
        self.ordering, self.payment, self.delivery, self.maps = free_ports(4)

    def _start(self, name, **env):
        command = [sys.executable, str(HERE / f"{name}.py")]
        return Process(name, command, {**self.env, **env}, self.folder, self.folder / f"{name}.log")

    def _start_service(self, name, **env):
        command = [sys.executable, str(HERE / f"{name}.py")]
        if self.runner:
            command = [str(self.runner), "--service-name", name, *command]
        env = {**self.env, "DATABASE": str(self.folder / f"{name}.db"), **env}
        service = Process(name, command, env, self.folder, self.folder / f"{name}.log")
        self.services.append(service)
        return service

    def open(self):
        kafka = os.environ.get("KAFKA_BOOTSTRAP") or self._open_broker()
        maps = self._start("maps", PORT=str(self.maps))
        self.helpers.append(maps)
        ordering = self._start_service(
            "ordering",
            PORT=str(self.ordering),
            PAYMENT_URL=f"http://127.0.0.1:{self.payment}",
            KAFKA_BOOTSTRAP=kafka,
        )
        payment = self._start_service("payment", PORT=str(self.payment))
        kitchen = self._start_service("kitchen", KAFKA_BOOTSTRAP=kafka)
        delivery = self._start_service(
            "delivery",
            PORT=str(self.delivery),
            MAPS_URL=f"http://127.0.0.1:{self.maps}",
            KAFKA_BOOTSTRAP=kafka,
            AUTOTRACE_EXCLUDED_URLS="/deliveries/",  # asked again and again until it has arrived
        )
        ports = ((maps, self.maps), (ordering, self.ordering), (payment, self.payment), (delivery, self.delivery))
        for process, port in ports:
            wait_until(lambda: process.answers(port), 30, f"{process.name} does not answer")  # noqa: B023 - called here
        for process in (kitchen, delivery):
            wait_until(lambda: process.line_with("open: reads"), 30, f"{process.name} has no topic")  # noqa: B023

    def _open_broker(self):
        broker = self._start("broker")
        self.helpers.append(broker)
        line = wait_until(lambda: broker.line_with("export KAFKA_BOOTSTRAP="), 20, "the broker does not start")
        return line.partition("=")[2]

    def order(self, order):
        body = {"customer": order.customer, "pizza": order.pizza, "address": order.address}
        status, text = fetch(f"http://127.0.0.1:{self.ordering}/orders", json.dumps(body).encode())
        if status != 201:
            raise DemoError(f"{order}: ordering answered {status}: {text}")
        order.id = json.loads(text)["id"]

    def await_delivery(self, order):
        """Return what delivery knows about the order once it has arrived."""

        def delivered():
            status, text = fetch(f"http://127.0.0.1:{self.delivery}/deliveries/{order.id}")
            return json.loads(text) if status == 200 else None

        return wait_until(delivered, 20, f"{order} was not delivered")

    def close(self):
        """Stop what runs, one after the other; return what was wrong with it."""
        ends = [process.stop() for process in (*self.services, *reversed(self.helpers))]
        self.services, self.helpers = [], []
        return [end for end in ends if end]

    def print_logs(self):
        for path in sorted(self.folder.glob("*.log")):
            print(f"--- {path.name}, its end\n{path.read_text(errors='replace')[-2000:]}", file=sys.stderr)


def eat(shop, orders):
    """Order everything, wait for it, and tell what happened; return what differs from the plan."""
    for order in orders:
        shop.order(order)
        print(f"ordered    {order}")
    problems = []
    for order in orders:
        parcel = shop.await_delivery(order)
        news = [f"{parcel['burnt']} burnt"] * bool(parcel["burnt"]) + parcel["stops"]
        print(f"delivered  {order} by {parcel['driver']}" + (f" ({', '.join(news)})" if news else ""))
        if (bool(parcel["burnt"]), bool(parcel["stops"])) != (order.burns, order.tacos):
            problems.append(f"{order}: delivered as {parcel}")
    return problems


def look(reader, orders, maps_port):
    """Show the interesting traces and return what is wrong with any."""
    found = traces_of_orders(reader)
    reader.show("traces", "--route", "/orders")
    for order in orders[:3]:
        if order.id in found:
            print(f"\n{order}:", end="")
            reader.show("show", found[order.id][0][0]["trace_id"])
    problems = [problem for order in orders for problem in problems_of(order, found, maps_port)]
    last = reader.load("show", "last")["trace_id"]
    if last not in {trace["trace_id"] for traces in found.values() for _, trace in traces}:
        problems.append(f"the newest trace is {last}, which is no order's")
    return problems


def tool(name):
    """The path of a command of autotrace: beside this Python, or on the PATH."""
    beside = Path(sys.executable).with_name(name)
    path = str(beside) if beside.exists() else shutil.which(name)
    if path is None:
        raise DemoError(f"{name} is not there: pip install 'autotrace[ui]', or run the shop with --bare")
    return path


def run(shop, reader, orders):
    """The whole evening; returns the list of problems."""
    problems = []
    try:
        try:
            shop.open()
            problems += eat(shop, orders)
        finally:
            problems += shop.close()
        if reader:
            problems += look(reader, orders, shop.maps)
    except DemoError as error:
        problems.insert(0, str(error))
    if problems:
        shop.print_logs()
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bare", action="store_true", help="run the services without autotrace-run")
    parser.add_argument("--data-dir", type=Path, help="where the traces go; kept afterwards")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the shop is closed then, too
    started = time.monotonic()
    orders = menu_of_the_day()
    with tempfile.TemporaryDirectory(prefix="pizza-") as folder:
        data_dir = (options.data_dir or Path(folder) / "traces").resolve()
        env = {**os.environ, "AUTOTRACE_DATA_DIR": str(data_dir)}
        try:
            runner, reader = (None, None) if options.bare else (tool("autotrace-run"), Reader(tool("autotrace"), env))
        except DemoError as error:
            sys.exit(f"demo.py: {error}")
        problems = run(Shop(Path(folder), runner, env), reader, orders)
    for problem in problems:
        print(f"problem: {problem}")
    if reader and options.data_dir:
        print(f"\nlook again: AUTOTRACE_DATA_DIR={data_dir} autotrace show last")
    elif reader:
        print("\nto look again: start the demo with --data-dir DIR, then AUTOTRACE_DATA_DIR=DIR autotrace show last")
    shape = "the shop alone" if options.bare else "each one trace: one root, four services, two topics, maps, no gap"
    verdict = f"FAILED: {len(problems)} problems" if problems else f"OK: {len(orders)} orders, {shape}"
    print(f"{verdict} ({time.monotonic() - started:.0f} s)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
