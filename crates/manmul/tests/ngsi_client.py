"""Makes, reads, asks for, follows, changes and removes entities with ngsildclient.

HOST PORT TOKEN: prints the NO2 that it read last.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from ngsildclient import Client, Entity
from requests.auth import AuthBase

host, port, token = sys.argv[1], int(sys.argv[2]), sys.argv[3]


class Bearer(AuthBase):
    """Signs every request."""

    def __call__(self, request):
        request.headers["Authorization"] = f"Bearer {token}"
        return request


class Listener(BaseHTTPRequestHandler):
    """Takes notifications."""

    told = []
    heard = threading.Event()

    def do_POST(self):
        Listener.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
        Listener.heard.set()

    def log_message(self, *arguments):
        pass


server = HTTPServer(("127.0.0.1", 0), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()

with Client(hostname=host, port=port, custom_auth=Bearer(), verbose=False) as client:
    entity = Entity("AirQualityObserved", "RZ:Obsv4567")
    entity.tprop("dateObserved", "2018-08-07T12:00:00Z")
    entity.prop("NO2", 22, unitcode="GP", observedat="2026-03-01T12:00:00Z")
    entity.gprop("location", (50.93, 6.95))
    entity.rel("refPointOfInterest", "PointOfInterest:RZ:MainSquare")
    assert client.create(entity)
    assert client.exists(entity)
    found = client.get(entity)
    assert found["NO2"]["value"] == 22, found
    assert found["refPointOfInterest"]["object"] == "urn:ngsi-ld:PointOfInterest:RZ:MainSquare", found
    assert found["location"]["value"]["coordinates"] == [6.95, 50.93], found

    subscription = {
        "type": "Subscription",
        "entities": [{"type": "AirQualityObserved"}],
        "watchedAttributes": ["NO2"],
        "notification": {"endpoint": {"uri": f"http://127.0.0.1:{server.server_port}/", "accept": "application/json"}},
    }
    subscribed = client.subscriptions.create(subscription)
    assert client.subscriptions.exists(subscribed)

    others = [Entity("AirQualityObserved", f"RZ:Obsv{number}").prop("NO2", number) for number in range(10)]
    assert client.upsert(others).n_ok == 10
    assert client.entities.count(type="AirQualityObserved") == 11
    assert len(client.query(type="AirQualityObserved", q="NO2>=5")) == 6
    assert "AirQualityObserved" in client.types.list()
    assert Listener.heard.wait(20), "nobody was told"
    assert any(one["type"] == "AirQualityObserved" for told in Listener.told for one in told["data"]), Listener.told

    found["NO2"]["value"] = 30
    assert client.update(found)
    newest = client.get(entity)["NO2"]["value"]
    past = client.temporal.get(entity, attrs=["NO2"])
    assert past, past
    assert client.subscriptions.delete(None)
    assert client.delete(entity)
    assert not client.exists(entity)
    print(newest)
