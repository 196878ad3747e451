"""Making the server's streams and consumers what the topology says. Only the provisioner may."""

from __future__ import annotations

import asyncio

import nats.errors
import nats.js.errors
import structlog
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from shared.bus.connection import Bus
from shared.contracts.topology import (
    CONSUMERS,
    EVENT_STREAM,
    STREAMS,
    ConsumerDeclaration,
    StreamDeclaration,
)

#: "stream name already in use with a different configuration"
_STREAM_DIFFERS = 10058

log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def declare_topology(bus: Bus, *, replicas: int = 1, timeout_seconds: float = 30.0) -> None:
    """Declare every stream and durable consumer. Idempotent, also from many clients at once.

    Waits for a JetStream that is still starting; raises ``TimeoutError`` when it does not come up.
    """
    async with asyncio.timeout(timeout_seconds):
        while True:
            try:
                for stream in STREAMS:
                    await _declare_stream(bus.jetstream, _stream_config(stream, replicas))
                for consumer in CONSUMERS.values():
                    await bus.jetstream.add_consumer(EVENT_STREAM, consumer_config(consumer))
            except (
                nats.errors.TimeoutError,
                nats.js.errors.NoStreamResponseError,
                nats.js.errors.ServiceUnavailableError,
                nats.errors.NoRespondersError,
            ) as error:
                log.info("jetstream_not_ready", error=type(error).__name__)
                await asyncio.sleep(0.5)
            else:
                return


async def _declare_stream(jetstream: JetStreamContext, config: StreamConfig) -> None:
    try:
        await jetstream.add_stream(config)
    except nats.js.errors.BadRequestError as error:
        if error.err_code != _STREAM_DIFFERS:
            raise
        await jetstream.update_stream(config)


def _stream_config(stream: StreamDeclaration, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        description=stream.description,
        subjects=list(stream.subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        max_age=stream.max_age_seconds,
        duplicate_window=stream.duplicate_window_seconds,
        num_replicas=replicas,
        # Dead letters are read without going through the stream's leader.
        allow_direct=True,
        allow_msg_schedules=stream.schedules,
        allow_msg_ttl=stream.schedules,
        # The server sets it with schedules; saying so keeps the declaration equal to its answer.
        allow_rollup_hdrs=stream.schedules,
    )


def consumer_config(consumer: ConsumerDeclaration) -> ConsumerConfig:
    """Return what the server is told of a consumer."""
    return ConsumerConfig(
        name=consumer.name,
        durable_name=consumer.name,
        filter_subjects=list(consumer.filter_subjects),
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=consumer.ack_wait_seconds,
        # The server would count stops as well; see shared.bus.consumer.
        max_deliver=-1,
        max_ack_pending=consumer.max_ack_pending,
    )
