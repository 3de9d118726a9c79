"""Publishes for its own thing over paho-mqtt, and tries what it must not: PORT USER PASSWORD VERSION."""

import sys
import threading

import paho.mqtt.client as mqtt

port, user, password, version = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
protocol = mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"paho-{version}", protocol=protocol)
client.username_pw_set(user, password)
connected, subscribed, heard = threading.Event(), threading.Event(), threading.Event()
granted = []


def on_connect(client, userdata, flags, reason, properties):
    assert not reason.is_failure, reason
    connected.set()


def on_subscribe(client, userdata, packet, reasons, properties):
    granted.extend(not reason.is_failure for reason in reasons)
    subscribed.set()


def on_message(client, userdata, message):
    heard.set()


client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.connect("127.0.0.1", port)
client.loop_start()
assert connected.wait(10), "not connected"
client.subscribe([(f"things/{user}/#", 1), ("things/+/desired", 1)])
assert subscribed.wait(10), "no answer to the subscription"
assert granted == [True, False], f"its own topics and no others: {granted}"
client.publish(f"things/{user}/properties/state", f'"v{version}"', qos=2).wait_for_publish(10)
assert heard.wait(10), "its own message did not come back"
client.disconnect()
client.loop_stop()
