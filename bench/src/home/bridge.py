"""CityLearn as a plant: every building's meter, solar panels, battery, and where there are, its tank, cooler and rooms are ordinary MQTT things.

Only what the challenge itself publishes as observations of the present goes out (OBSERVED), its forecasts of price and weather
included, and what the things' own meters say of the hour before. The thermometer says what the hour before came to: what CityLearn 3.0.2
shows for the hour to come is a row of its file. Each step waits until every thing was told what to do, by an ordinary action of it.

usage: bridge.py facts SCHEMA                      what the buildings are and their series, for the perfect foresight
       bridge.py rule SCHEMA STEPS AGENT           a controller that CityLearn ships
       bridge.py serve SCHEMA STEPS HOST PORT      drive it over MQTT
The last line of the output is a JSON object.
"""

import datetime
import importlib
import json
import queue
import sys

import numpy
from citylearn.citylearn import CityLearnEnv

SHARED = ["outdoor_dry_bulb_temperature", "direct_solar_irradiance", "diffuse_solar_irradiance", "carbon_intensity", "electricity_pricing"]
AHEAD_HOURS = {1: 6, 2: 12, 3: 24}
OBSERVED = SHARED + ["non_shiftable_load", "solar_generation", "electrical_storage_soc", "net_electricity_consumption"]
OBSERVED += ["dhw_storage_soc", "dhw_demand", "cooling_demand", "indoor_dry_bulb_temperature_cooling_set_point"]
OBSERVED += [f"{name}_predicted_{number}" for name in SHARED if name != "carbon_intensity" for number in AHEAD_HOURS]
FIGURES = ["cost_total", "carbon_emissions_total", "daily_peak_average", "all_time_peak_average", "ramping_average", "daily_one_minus_load_factor_average", "electricity_consumption_total", "discomfort_proportion"]
# What each action of CityLearn is told through.
THINGS = {"electrical_storage": "battery", "dhw_storage": "tank", "cooling_device": "cooler"}
PATIENCE_SECONDS = 120


def environment(schema, steps):
    with open(schema) as file:
        last = json.load(file)["simulation_end_time_step"]
    limits = {} if steps is None else {"simulation_end_time_step": min(steps - 1, last)}
    return CityLearnEnv(schema, central_agent=True, **limits)


def figures(env):
    table = env.unwrapped.evaluate()
    table = table[table["level"] == "district"].set_index("cost_function")["value"]
    found = {name: float(table[name]) for name in FIGURES if table.get(name) is not None}
    return {name: value for name, value in found.items() if numpy.isfinite(value)}


def drawn(env):
    return {building.name: [float(value) for value in building.net_electricity_consumption] for building in env.buildings}


def battery(building):
    store = building.electrical_storage
    return {
        "capacity": float(store.capacity),
        "power": float(store.nominal_power),
        "efficiency": float(store.efficiency),
        "depth_of_discharge": float(store.depth_of_discharge),
        "initial_soc": float(store.initial_soc),
        "loss": float(store.loss_coefficient),
        "capacity_loss": float(store.capacity_loss_coefficient),
        "efficiency_curve": store.power_efficiency_curve.tolist(),
        "power_curve": store.capacity_power_curve.tolist(),
    }


def plates(building):
    """What stands on the plates of the things of a home."""
    things = {"battery": battery(building)}
    if "dhw_storage" in building.active_actions:
        store, heater = building.dhw_storage, building.dhw_device
        things["tank"] = {"capacity": float(store.capacity), "loss": float(store.loss_coefficient), "power": float(heater.nominal_power), "efficiency": float(heater.efficiency)}
    if "cooling_device" in building.active_actions:
        things["cooler"] = {"power": float(building.cooling_device.nominal_power), "band": float(building.comfort_band[0])}
    return things


def facts(schema):
    env = environment(schema, None)
    env.reset()
    buildings = []
    for building in env.buildings:
        series = building.energy_simulation
        buildings.append({
            "name": building.name,
            "battery": battery(building),
            "load": series.non_shiftable_load.tolist(),
            "solar": numpy.abs(building.pv.get_generation(series.solar_generation)).tolist(),
            "price": building.pricing.electricity_pricing.tolist(),
            "carbon": building.carbon_intensity.carbon_intensity.tolist(),
        })
    return {"buildings": buildings, "actions": env.buildings[0].active_actions}


def rule(schema, steps, agent):
    env = environment(schema, steps)
    controller = getattr(importlib.import_module("citylearn.agents.rbc"), agent)(env)
    controller.learn(episodes=1)
    return {"figures": figures(env), "drawn": drawn(env)}


def first_moment(building):
    """A day of the month and weekday that the data begin with; `hour` is the one that ends then."""
    series = building.energy_simulation
    day = datetime.date(2022, int(series.month[0]), 1)
    last = (day.replace(day=28) + datetime.timedelta(days=4)).replace(day=1) - datetime.timedelta(days=1)
    hours_of_month = int(numpy.argmax(numpy.asarray(series.month) != series.month[0])) or len(series.month)
    day = max(day, last - datetime.timedelta(days=(hours_of_month - 1) // 24))
    while day.isoweekday() != int(series.day_type[0]):
        day += datetime.timedelta(days=1)
    begin = datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.timezone.utc)
    return begin + datetime.timedelta(hours=int(series.hour[0]) - 1)


class Plant:
    """The things on the broker."""

    def __init__(self, host, port):
        import paho.mqtt.client as mqtt

        self.told = queue.Queue()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="citylearn")
        self.client.on_connect = lambda client, *_: client.subscribe("things/+/actions/set_power", qos=1)
        self.client.on_message = lambda _client, _data, message: self.told.put((message.topic, message.payload))
        self.client.max_inflight_messages_set(200)
        self.client.connect(host, port, keepalive=600)
        self.client.loop_start()

    def say(self, thing, values, time):
        payload = json.dumps([{"time": time.isoformat(), **values}])
        self.client.publish(f"things/{thing}/properties", payload, qos=1)

    def event(self, name, value):
        return self.client.publish(f"things/citylearn/events/{name}", json.dumps(value), qos=1)

    def end(self):
        """Says that it is over, and waits until that is heard."""
        self.event("end", {}).wait_for_publish(PATIENCE_SECONDS)
        self.client.disconnect()
        self.client.loop_stop()

    def actions(self, step, things):
        """Waits until each of these things was told what to do in this step."""
        wanted = {}
        while len(wanted) < len(things):
            topic, payload = self.told.get(timeout=PATIENCE_SECONDS)
            thing, command = topic.split("/")[1], json.loads(payload)
            if command["id"] == f"{step}-{thing}" and thing in things:
                wanted[thing] = float(command["input"])
                status = json.dumps({"id": command["id"], "state": "finished"})
                self.client.publish(f"{topic}/status", status, qos=1)
        return wanted


def serve(schema, steps, host, port):
    env = environment(schema, steps)
    observations, _ = env.reset()
    begin = first_moment(env.buildings[0])
    plant = Plant(host, port)
    homes = {building.name: building.name.lower().replace("_", "-") for building in env.buildings}
    plant.event("begin", {"homes": {homes[building.name]: plates(building) for building in env.buildings}})
    actions = []
    while not (env.terminated or env.truncated):
        step = env.time_step
        time = begin + datetime.timedelta(hours=step)
        for index, building in enumerate(env.buildings):
            seen = building.observations(include_all=False, normalize=False, periodic_normalization=False)
            seen = {name: float(value) for name, value in seen.items() if name in OBSERVED}
            if index == 0:
                say_shared(plant, seen, time)
            say_home(plant, homes[building.name], building, seen, time, step)
        plant.event("step", {"step": step, "time": time.isoformat()})
        told = [(building, action, f"{homes[building.name]}-{THINGS[action]}") for building in env.buildings for action in building.active_actions]
        wanted = plant.actions(step, {thing for _, _, thing in told})
        row = [wanted[thing] / 1000.0 / whole(building, action) for building, action, thing in told]
        actions.append(row)
        env.step([row])
    result = {"figures": figures(env), "drawn": drawn(env), "actions": actions}
    plant.end()
    return result


def say_shared(plant, seen, time):
    plant.say("grid", {"import_price": seen["electricity_pricing"], "carbon_grams": seen["carbon_intensity"] * 1000.0}, time)
    names = {"outdoor_dry_bulb_temperature": "outdoor_celsius", "direct_solar_irradiance": "direct_sun", "diffuse_solar_irradiance": "diffuse_sun"}
    plant.say("weather", {ours: seen[theirs] for theirs, ours in names.items()}, time)
    for number, hours in AHEAD_HOURS.items():
        later = time + datetime.timedelta(hours=hours)
        plant.say("price-forecast", {"import_price": seen[f"electricity_pricing_predicted_{number}"]}, later)
        plant.say("weather-forecast", {ours: seen[f"{theirs}_predicted_{number}"] for theirs, ours in names.items()}, later)


def whole(building, action):
    """The kilowatts, or kilowatt hours in an hour, that an action of 1 stands for."""
    if action == "dhw_storage":
        return building.dhw_storage.capacity
    return (building.electrical_storage if action == "electrical_storage" else building.cooling_device).nominal_power


def say_home(plant, home, building, seen, time, step):
    plant.say(f"{home}-meter", {"load": seen["non_shiftable_load"] * 1000.0}, time)
    plant.say(f"{home}-solar", {"power": seen["solar_generation"] * 1000.0}, time)
    values = {"stored": seen["electrical_storage_soc"] * building.electrical_storage.capacity}
    if step > 0:
        values["power"] = float(building.electrical_storage.electricity_consumption[step - 1]) * 1000.0
    plant.say(f"{home}-battery", values, time)
    if "dhw_storage" in building.active_actions:
        values = {"stored": seen["dhw_storage_soc"] * building.dhw_storage.capacity}
        if step > 0:
            values["drawn"] = seen["dhw_demand"] * 1000.0
        plant.say(f"{home}-tank", values, time)
    if "cooling_device" in building.active_actions and step > 0:
        power = float(building.cooling_device.electricity_consumption[step - 1]) * 1000.0
        plant.say(f"{home}-cooler", {"power": power, "heat": seen["cooling_demand"] * 1000.0}, time)
        celsius = float(building.energy_simulation.indoor_dry_bulb_temperature[step - 1])
        plant.say(f"{home}-rooms", {"celsius": celsius, "target": seen["indoor_dry_bulb_temperature_cooling_set_point"]}, time)


def main():
    what, schema, *rest = sys.argv[1:]
    if what == "facts":
        answer = facts(schema)
    elif what == "rule":
        answer = rule(schema, int(rest[0]), rest[1])
    else:
        answer = serve(schema, int(rest[0]), rest[1], int(rest[2]))
    print(json.dumps(answer))


main()
