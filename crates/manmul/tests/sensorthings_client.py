"""Makes, reads, asks for, changes and removes entities with FROST's own client.

URL TOKEN: prints the newest result it read.
"""

import sys

import frost_sta_client as sta
import geojson
import requests
from frost_sta_client.service.auth_handler import AuthHandler

url, token = sys.argv[1], sys.argv[2]


class Bearer(AuthHandler):
    """The client knows names and passwords only."""

    def __init__(self):
        super().__init__("nobody", "nothing")

    def add_auth_header(self):
        def sign(request):
            request.headers["Authorization"] = f"Bearer {token}"
            return request

        return sign


service = sta.SensorThingsService(f"{url}/sensorthings/v1.1", auth_handler=Bearer())

location = sta.Location(name="roof", description="on the roof", location=geojson.Point((6.95, 50.93)), encoding_type="application/geo+json")
thing = sta.Thing(name="Weather station", description="from a client", properties={"kind": "weather_station"})
thing.locations = [location]
service.create(thing)
assert thing.id == "weather-station", thing.id

datastream = sta.Datastream(
    name="Air temperature",
    description="two metres above the roof",
    observation_type="http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
    unit_of_measurement=sta.UnitOfMeasurement(name="degree Celsius", symbol="°C", definition="ucum:Cel"),
    thing=sta.Thing(id=thing.id),
    observed_property=sta.ObservedProperty(name="temperature", definition="https://example.org/t", description="how warm"),
    sensor=sta.Sensor(name="probe", description="a probe", encoding_type="application/pdf", metadata="none"),
)
service.create(datastream)
assert datastream.id == "weather-station/temperature", datastream.id

for minute in range(5):
    observation = sta.Observation(
        result=10.0 + minute, phenomenon_time=f"2026-03-01T12:0{minute}:00Z", datastream=sta.Datastream(id=datastream.id)
    )
    service.create(observation)

things = service.things().query().filter("properties/kind eq 'weather_station'").count().list()
assert things.count == 1 and things.entities[0].name == "Weather station", things
found = service.things().find(thing.id)
assert found.description, found
stream = service.datastreams().find(datastream.id)
assert stream.unit_of_measurement.symbol == "°C", stream.unit_of_measurement
assert [one.name for one in found.get_locations().query().list()] == ["Weather station"]

for attempt in range(100):
    newest = stream.get_observations().query().orderby("phenomenonTime", "DESC").top(2).list()
    if len(newest.entities) == 2 and newest.entities[0].result == 14.0:
        break
# The list fetches the next pages by itself.
everything = [one.result for one in stream.get_observations().query().orderby("phenomenonTime", "ASC").top(2).list()]
assert everything == [10.0, 11.0, 12.0, 13.0, 14.0], everything

found.name = "Renamed"
service.update(found)
assert service.things().find(thing.id).name == "Renamed"
service.delete(found)
try:
    service.things().find(thing.id)
except requests.exceptions.HTTPError as error:
    assert error.response.status_code == 404, error
else:
    raise AssertionError("a removed thing was found")
print(newest.entities[0].result)
