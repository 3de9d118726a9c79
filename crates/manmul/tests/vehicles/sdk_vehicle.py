"""A VDA 5050 2.1 robot made of vda5050-sdk: it drives straight from node to node, one order message after the other.

Usage: python sdk_vehicle.py BROKER-URL USER PASSWORD MANUFACTURER SERIAL X Y MAP NODE
Once its connection is lost it comes back where it stands, and has forgotten its order.
"""

import asyncio
import math
import sys

from vda5050 import VehicleClient, VehicleConfig
from vda5050.client.agv.executor import OrderExecutor

SPEED_METRES = 2.0
TICK_SECONDS = 0.1
RETRY_SECONDS = 0.5


class Driver(OrderExecutor):
    """Takes its time for the way, and tells where it is meanwhile."""

    async def visit_node(self, node):
        target = node.node_position
        while True:
            here = self._publisher.agv_position
            dx, dy = target.x - here.x, target.y - here.y
            metres = math.hypot(dx, dy)
            step = SPEED_METRES * TICK_SECONDS
            share = 1.0 if metres <= step else step / metres
            theta = math.atan2(dy, dx) if metres > 0 else here.theta
            self._publisher.update_position(
                x=here.x + dx * share, y=here.y + dy * share, theta=theta, map_id=here.map_id
            )
            self._publisher.request_publish()
            if share == 1.0:
                return
            await asyncio.sleep(TICK_SECONDS)


async def live(url, user, password, manufacturer, serial, place):
    """One connection, until it is lost."""
    config = VehicleConfig(
        broker_url=url, username=user, password=password, manufacturer=manufacturer, serial_number=serial,
        protocol_version="2.1.0", state_interval=2.0,
    )
    client = VehicleClient(config)
    orders = asyncio.Queue(100)
    client.on_order(orders.put_nowait)
    await client.connect()
    client.publisher.init_position(**place)
    await client.publish_state()
    driver = Driver(client.publisher, action_delay=0.5)

    async def drive():
        while True:
            await driver.run(await orders.get())

    work = asyncio.create_task(drive())
    # The library's own reader ends when the connection does, and does not connect again.
    await asyncio.wait({client._transport._reader_task, work}, return_when=asyncio.FIRST_COMPLETED)
    work.cancel()
    await client.publisher.stop()
    here = client.publisher.agv_position
    place.update(x=here.x, y=here.y, theta=here.theta, last_node_id=client.publisher.last_node_id)


async def main():
    url, user, password, manufacturer, serial, x, y, map_id, node = sys.argv[1:]
    place = {"x": float(x), "y": float(y), "theta": 0.0, "map_id": map_id, "last_node_id": node}
    while True:
        try:
            await live(url, user, password, manufacturer, serial, place)
        except Exception as error:  # the broker is away
            print(f"not connected: {error}", file=sys.stderr)
        await asyncio.sleep(RETRY_SECONDS)


asyncio.run(main())
