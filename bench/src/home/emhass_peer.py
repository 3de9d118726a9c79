"""EMHASS beside us: for each line with a day and its devices, a line with its plan and the time that it took.

The day is planned twice: `first` builds its program too, `again` is a plan anew with the program that is there.
"""
import asyncio
import json
import logging
import pathlib
import sys
import time
from importlib.metadata import version

import emhass
import numpy as np
import pandas as pd
from emhass import utils
from emhass.optimization import Optimization

ROOT = pathlib.Path(emhass.__file__).parent
LOGGER = logging.getLogger("emhass-beside-us")
LOGGER.setLevel(logging.CRITICAL)
PATHS = {
    "root_path": ROOT,
    "data_path": pathlib.Path(sys.argv[1]),
    "config_path": pathlib.Path(sys.argv[1]) / "config.json",
    "defaults_path": ROOT / "data" / "config_defaults.json",
    "associations_path": ROOT / "data" / "associations.csv",
}


async def defaults():
    config = await utils.build_config(PATHS, LOGGER, str(PATHS["defaults_path"]))
    _, secrets = await utils.build_secrets(PATHS, LOGGER, no_response=True)
    params = await utils.build_params(PATHS, secrets, config, LOGGER)
    return utils.get_yaml_parse(params, LOGGER)


def plan(day):
    sources, wishes, plant = asyncio.run(defaults())
    battery, machines = day["battery"], day["machines"]
    sources["optimization_time_step"] = pd.Timedelta(minutes=day["step_minutes"])
    hours = [len(machine) * day["step_minutes"] / 60 for machine in machines]
    wishes.update(
        set_use_battery=True,
        set_use_pv=True,
        set_nodischarge_to_grid=False,
        number_of_deferrable_loads=len(machines),
        nominal_power_of_deferrable_loads=[machine[0] for machine in machines],
        operating_hours_of_each_deferrable_load=hours,
        set_deferrable_load_single_constant=[True] * len(machines),
        treat_deferrable_load_as_semi_cont=[True] * len(machines),
        num_threads=1,
    )
    plant.update(
        maximum_power_from_grid=day["import_watts_max"],
        maximum_power_to_grid=day["export_watts_max"],
        battery_nominal_energy_capacity=battery["capacity"] * 1e3,
        battery_charge_power_max=battery["charge_watts_max"],
        battery_discharge_power_max=battery["discharge_watts_max"],
        battery_charge_efficiency=battery["charge_efficiency"],
        battery_discharge_efficiency=battery["discharge_efficiency"],
        battery_minimum_state_of_charge=battery["least"],
        battery_maximum_state_of_charge=1.0,
        battery_target_state_of_charge=battery["least"],
    )
    solar, load = np.array(day["solar_watts"]), np.array(day["load_watts"])
    index = pd.date_range("2026-09-22", periods=len(load), freq=sources["optimization_time_step"], tz="Europe/Paris")
    table = pd.DataFrame({"cost": day["import_price"], "price": day["export_price"]}, index=index)
    span = len(load) * day["step_minutes"] / 60
    optimization = Optimization(sources, wishes, plant, "cost", "price", "profit", PATHS, LOGGER, opt_time_delta=span)
    times = []
    for _ in range(2):
        begun = time.process_time()
        prices = table["cost"].values, table["price"].values
        result = optimization.perform_optimization(table, solar, load, *prices, soc_init=battery["least"], soc_final=battery["least"])
        times.append(time.process_time() - begun)
    machines = [result[f"P_deferrable{place}"].tolist() for place in range(len(machines))]
    # Its battery counts what is given.
    return {"first": times[0], "again": times[1], "battery": (-result["P_batt"]).tolist(), "machines": machines}


print(json.dumps(version("emhass")), flush=True)
for line in sys.stdin:
    print(json.dumps(plan(json.loads(line))), flush=True)
