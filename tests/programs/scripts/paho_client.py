"""paho-mqtt: subscribe, publish, receive, with quality of service 1."""

import queue
import sys

import paho.mqtt.client as mqtt

port, ca, chain, key = sys.argv[1:]
received: queue.Queue[bytes] = queue.Queue()
subscribed: queue.Queue[int] = queue.Queue()
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.tls_set(ca, chain, key)
client.on_message = lambda _client, _data, message: received.put(message.payload)
client.on_subscribe = lambda _client, _data, number, _codes, _properties: subscribed.put(number)
client.connect("localhost", int(port))
client.loop_start()
client.subscribe("topic", qos=1)
subscribed.get(timeout=20)
for number in range(20):
    client.publish("topic", b"m" * (1 + number * 5_000), qos=1)
assert [len(received.get(timeout=20)) for _ in range(20)] == [1 + number * 5_000 for number in range(20)]
client.disconnect()
client.loop_stop()
