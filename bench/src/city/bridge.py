"""SUMO as the city: every junction with a signal is an MQTT thing, and this process is the field controller of all of them.

Up go counts of detectors (zones of lanes within reach, nothing of routes) and what each signal shows; down comes a wish for a
phase. What is shown is decided here: least green, yellow, all-red, most red, and the fixed programme when nobody decides.
Each second waits until the other side has said that it is done with it, but not longer than a deadline.

usage: bridge.py SETTINGS     a JSON object, see DEFAULTS
The last line of the output is a JSON object.
"""

import json
import os
import random
import socket
import struct
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import libsumo

REACH_METERS = 200.0
ZONE_METERS = 25.0
EXIT_METERS = 50.0
CRAWLING_METERS_PER_SECOND = 2.0
DEFAULTS = {
    "configuration": "",
    "seed": 1,
    "scale": 1.0,
    # "": every junction is decided over MQTT. "programme": the network's own, without our limits. "actuated": SUMO's own
    # actuation, with our limits.
    "native": "",
    "host": "127.0.0.1",
    "port": 1883,
    "green_min": 5,
    "yellow": 3,
    "all_red": 2,
    "red_max": 120,
    "silence_max": 30,
    "deadline_seconds": 120.0,
    "steps": 0,
    # The share of lanes whose detectors are dead, and how: a third each says nothing, is stuck, tells at random.
    "dead": 0.0,
    "dead_seed": 1,
}


class Link:
    """A client of MQTT 3.1.1 with QoS 0 and nothing else."""

    def __init__(self, host, port, client, topics):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received, self.out = b"", []
        self._send(0x10, b"\x00\x04MQTT\x04\x02\x00\x00" + self._text(client))
        self._flush()
        assert self._packet(10)[0] >> 4 == 2, "the broker refused"
        self._send(0x82, b"\x00\x01" + b"".join(self._text(topic) + b"\x00" for topic in topics))
        self._flush()
        assert self._packet(10)[0] >> 4 == 9, "the broker did not grant the subscription"

    @staticmethod
    def _text(text):
        encoded = text.encode()
        return struct.pack("!H", len(encoded)) + encoded

    def _send(self, kind, body):
        length, head = len(body), bytearray([kind])
        while length >= 128:
            head.append(length & 0x7F | 0x80)
            length >>= 7
        head.append(length)
        self.out.append(bytes(head) + body)

    def _flush(self):
        self.socket.settimeout(60)
        self.socket.sendall(b"".join(self.out))
        self.out = []

    def publish(self, topic, value):
        self._send(0x30, self._text(topic) + json.dumps(value, separators=(",", ":")).encode())

    def flush(self):
        self._flush()

    def _whole(self):
        """The first whole packet of what was received: where its body begins and ends; nothing when it is not whole."""
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(self.received):
                return None
            byte = self.received[at]
            length |= (byte & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if byte & 0x80 == 0:
                return (at, at + length) if len(self.received) >= at + length else None

    def _packet(self, seconds):
        end = time.monotonic() + seconds
        while True:
            whole = self._whole()
            if whole:
                kind, body = self.received[0], self.received[whole[0]:whole[1]]
                self.received = self.received[whole[1]:]
                return kind, body
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(max(left, 0.001))
            try:
                data = self.socket.recv(1 << 16)
            except TimeoutError:
                return None
            if not data:
                raise ConnectionError("the broker is gone")
            self.received += data

    def next(self, seconds):
        """The next message, or nothing in time."""
        while True:
            packet = self._packet(seconds)
            if packet is None:
                return None
            kind, body = packet
            if kind >> 4 == 3:
                length = struct.unpack("!H", body[:2])[0]
                return body[2:2 + length].decode(), json.loads(body[2 + length:])


def is_green(letter):
    return letter in "Gg"


class Field:
    """The field controller of one junction: what is wished for is followed only within the limits."""

    def __init__(self, signal, settings, second):
        self.signal, self.settings = signal, settings
        logic = libsumo.trafficlight.getAllProgramLogics(signal)[0]
        self.phases, self.turns, begin, ended = [], [], 0.0, 0.0
        for phase in logic.phases:
            is_between = any(letter in "yY" for letter in phase.state) or not any(map(is_green, phase.state))
            if not is_between:
                if phase.state not in self.phases:
                    self.phases.append(phase.state)
                self.turns.append((ended, self.phases.index(phase.state)))
                ended = begin + phase.duration
            begin += phase.duration
        self.turns[0] = (0.0, self.turns[0][1])
        self.turns.append((ended, self.turns[0][1]))
        self.cycle = begin
        # The offset is the time within the cycle that SUMO is in; it is read rather than worked out.
        self.offset = second - self._within_cycle(logic, second)
        self.phase, self.next, self.seconds = self.fixed(second), None, 0
        self.red, self.silent = [0] * len(self.phases[0]), 0
        links = libsumo.trafficlight.getControlledLinks(signal)
        serves = [any(is_green(state[place]) for state in self.phases) for place in range(len(self.red))]
        # Places that control nothing may have red for ever.
        self.served = [place for place, serves in enumerate(serves) if serves and place < len(links) and links[place]]
        self.refused = self.forced = self.changes = 0
        self.red_longest = 0
        self.fallback_at = None

    def _within_cycle(self, logic, second):
        spent = libsumo.trafficlight.getSpentDuration(self.signal)
        current = libsumo.trafficlight.getPhase(self.signal)
        return sum(phase.duration for phase in logic.phases[:current]) + spent

    def fixed(self, second):
        within = (second - self.offset) % self.cycle
        return [phase for begin, phase in self.turns if begin <= within][-1]

    def state(self):
        if self.next is None:
            return self.phases[self.phase]
        ending = "y" if self.seconds <= self.settings["yellow"] else "r"
        shown = []
        for before, after in zip(self.phases[self.phase], self.phases[self.next]):
            if is_green(before) and is_green(after):
                shown.append("G" if before == after == "G" else "g")
            elif is_green(before):
                shown.append(ending)
            else:
                shown.append(before if before == after else "r")
        return "".join(shown)

    def step(self, second, wish):
        """One second: a wish is a phase, `False` when nobody decided, `None` when all shall stay as it is."""
        self.silent = self.silent + 1 if wish is False else 0
        wanted = None
        if wish is not False and wish is not None and wish != self.phase:
            may = self.next is None and isinstance(wish, int) and 0 <= wish < len(self.phases)
            if may and self.seconds >= self.settings["green_min"]:
                wanted = wish
            elif wish != self.next:
                self.refused += 1
        if self.silent >= self.settings["silence_max"]:
            self.fallback_at = self.fallback_at or second
            wanted = self.fixed(second)
        may = self.next is None and self.seconds >= self.settings["green_min"]
        lost = self.settings["yellow"] + self.settings["all_red"]
        overdue = [place for place in self.served if self.red[place] >= self.settings["red_max"] - lost]
        if overdue and may:
            longest = max(overdue, key=lambda place: self.red[place])
            first = next(number for number, state in enumerate(self.phases) if is_green(state[longest]))
            if wanted != first:
                self.forced, wanted = self.forced + 1, first
        self._advance(wanted if may else None)
        state = self.state()
        for place in self.served:
            self.red[place] = 0 if is_green(state[place]) else self.red[place] + 1
            self.red_longest = max(self.red_longest, self.red[place])
        libsumo.trafficlight.setRedYellowGreenState(self.signal, state)

    def _advance(self, wanted):
        self.seconds += 1
        if self.next is not None:
            if self.seconds > self.settings["yellow"] + self.settings["all_red"]:
                self.phase, self.next, self.seconds = self.next, None, 1
        elif wanted is not None and wanted != self.phase:
            self.changes += 1
            pairs = zip(self.phases[self.phase], self.phases[wanted])
            if any(is_green(before) and not is_green(after) for before, after in pairs):
                self.next, self.seconds = wanted, 1
            else:
                self.phase, self.seconds = wanted, 1


class Detectors:
    """Counts of every lane within reach of a stop line, and of the lanes behind it."""

    def __init__(self, signals, settings):
        self.length = {lane: libsumo.lane.getLength(lane) for lane in libsumo.lane.getIDList() if not lane.startswith(":")}
        self.edge = {lane: libsumo.lane.getEdgeID(lane) for lane in self.length}
        controlled, self.stop_lines, self.exits = set(), {}, {}
        for signal in signals:
            links = [link for place in libsumo.trafficlight.getControlledLinks(signal) for link in place]
            controlled |= {(link[0], link[1]) for link in links}
            self.stop_lines[signal] = list(dict.fromkeys(link[0] for link in links))
            self.exits[signal] = list(dict.fromkeys(link[1] for link in links))
        incoming = {}
        for lane in self.length:
            for link in libsumo.lane.getLinks(lane):
                if (lane, link[0]) not in controlled:
                    incoming.setdefault(link[0], []).append(lane)
        self.reach = {signal: self._upstream(lanes, incoming) for signal, lanes in self.stop_lines.items()}
        self.counted = sorted({lane for lanes in self.reach.values() for lane in lanes})
        self.passed, self.before = dict.fromkeys(self.counted, 0), {}
        self.entered = {lane: 0 for lanes in self.exits.values() for lane in lanes}
        self.exit_edges, self.on_road = sorted({self.edge[lane] for lane in self.entered}), {}
        self.chance = random.Random(settings["dead_seed"])
        lanes = list(self.counted)
        self.chance.shuffle(lanes)
        dead = lanes[:round(len(lanes) * settings["dead"])]
        self.dead = {lane: ("silent", "stuck", "random")[number % 3] for number, lane in enumerate(dead)}
        self.stuck = {}

    def _upstream(self, lanes, incoming):
        found = dict.fromkeys(lanes, 0.0)
        open_lanes = list(lanes)
        while open_lanes:
            lane = open_lanes.pop(0)
            far = found[lane] + self.length[lane]
            for before in incoming.get(lane, []) if far < REACH_METERS else []:
                if before not in found:
                    found[before] = far
                    open_lanes.append(before)
        return found

    def count(self):
        """For each lane: what passed its end, and vehicles that drive and that stand in each zone from its end backwards."""
        now, counts = {}, {}
        position, speed = libsumo.vehicle.getLanePosition, libsumo.vehicle.getSpeed
        for lane in self.counted:
            zones = int(min(self.length[lane], REACH_METERS) // ZONE_METERS) + 1
            moving, standing = [0] * zones, [0] * zones
            for vehicle in libsumo.lane.getLastStepVehicleIDs(lane):
                now[vehicle] = lane
                zone = int((self.length[lane] - position(vehicle)) // ZONE_METERS)
                if zone < zones:
                    (standing if speed(vehicle) < CRAWLING_METERS_PER_SECOND else moving)[zone] += 1
            counts[lane] = (moving, standing)
        for vehicle, lane in self.before.items():
            if vehicle not in now or self.edge[now[vehicle]] != self.edge[lane]:
                self.passed[lane] += 1
        self.before = now
        return {lane: told for lane, count in counts.items() if (told := self._tell(lane, [self.passed[lane], *count]))}

    def _tell(self, lane, count):
        fault = self.dead.get(lane)
        if fault == "silent":
            return None
        if fault == "stuck":
            return self.stuck.setdefault(lane, count)
        if fault == "random":
            zones = len(count[1])
            return [self.chance.randrange(100), *[[self.chance.randrange(3) for _ in range(zones)] for _ in range(2)]]
        return count

    def behind(self, lane):
        vehicles = libsumo.lane.getLastStepVehicleIDs(lane)
        places = [(libsumo.vehicle.getLanePosition(vehicle), libsumo.vehicle.getSpeed(vehicle)) for vehicle in vehicles]
        near = sum(1 for place, speed in places if place <= EXIT_METERS and speed < CRAWLING_METERS_PER_SECOND)
        return [sum(1 for place, _ in places if place <= REACH_METERS), near, self.entered[lane]]

    def count_entered(self):
        """Counts who has come onto a road behind a junction; whoever changes lanes there has not."""
        for edge in self.exit_edges:
            on_road = set(libsumo.edge.getLastStepVehicleIDs(edge))
            for vehicle in on_road - self.on_road.get(edge, set()):
                lane = libsumo.vehicle.getLaneID(vehicle)
                if lane in self.entered:
                    self.entered[lane] += 1
            self.on_road[edge] = on_road


def actuated(settings):
    """SUMO's own actuation over the phases of the network, with our limits between them."""
    root = ElementTree.Element("additional")
    for signal in libsumo.trafficlight.getIDList():
        field = Field(signal, settings, libsumo.simulation.getTime())
        attributes = {"id": signal, "type": "actuated", "programID": "limited", "offset": "0"}
        logic = ElementTree.SubElement(root, "tlLogic", attributes)
        order = [phase for _, phase in field.turns[:-1]]
        for phase, following in zip(order, order[1:] + order[:1]):
            limits = {"minDur": str(settings["green_min"]), "maxDur": "50"}
            ElementTree.SubElement(logic, "phase", {"duration": "30", "state": field.phases[phase], **limits})
            field.phase, field.next, field.seconds = phase, following, 1
            between = {}
            for field.seconds in range(1, settings["yellow"] + settings["all_red"] + 1):
                between[field.state()] = between.get(field.state(), 0) + 1
            ends = any(is_green(a) and not is_green(b) for a, b in zip(field.phases[phase], field.phases[following]))
            for state, seconds in between.items() if ends else []:
                ElementTree.SubElement(logic, "phase", {"duration": str(seconds), "state": state})
    return ElementTree.tostring(root, encoding="unicode")


def start(settings, trips, more=()):
    libsumo.start([
        "sumo", "-c", settings["configuration"], "--seed", str(settings["seed"]), "--scale", str(settings["scale"]),
        "--time-to-teleport", "-1", "--tripinfo-output", trips, "--tripinfo-output.write-unfinished",
        "--tripinfo-output.write-undeparted", "--no-step-log", "--no-warnings", *more,
    ])


def decided(settings, end):
    """Every junction is decided over MQTT."""
    signals = list(libsumo.trafficlight.getIDList())
    things = {signal: f"junction-{number}" for number, signal in enumerate(signals)}
    by_topic = {f"things/{thing}/actions/set_phase": signal for signal, thing in things.items()}
    second = libsumo.simulation.getTime()
    fields = {signal: Field(signal, settings, second) for signal in signals}
    detectors = Detectors(signals, settings)
    link = Link(settings["host"], settings["port"], "city", ["things/+/actions/set_phase", "things/city/actions/step"])
    offsets = {signal: field.offset for signal, field in fields.items()}
    link.publish("things/city/events/begin", {"signals": things, "second": second, "offsets": offsets})
    misses, misses_in_a_row, silent_from = 0, 0, None
    while second < end:
        counts = detectors.count()
        detectors.count_entered()
        for signal, field in fields.items():
            link.publish(f"things/{things[signal]}/properties", {
                "phase": field.phase, "next": field.next, "seconds": field.seconds,
                "lanes": {lane: counts[lane] for lane in detectors.reach[signal] if lane in counts},
                "exits": {lane: detectors.behind(lane) for lane in detectors.exits[signal]},
            })
        link.publish("things/city/events/step", {"second": second})
        wishes, is_answered = {}, False
        try:
            link.flush()
            # Whoever has missed several in a row is not waited for again and again.
            patience = settings["deadline_seconds"] if misses_in_a_row < 3 else 0.002
            until = time.monotonic() + patience
            while not is_answered and (message := link.next(max(0.0, until - time.monotonic()))):
                topic, value = message
                if topic == "things/city/actions/step":
                    is_answered = value["input"] == second
                elif topic in by_topic:
                    wishes[by_topic[topic]] = value["input"]
        except (ConnectionError, OSError):
            pass
        misses, misses_in_a_row = misses + (not is_answered), 0 if is_answered else misses_in_a_row + 1
        if not is_answered and silent_from is None:
            silent_from = second
        for signal, field in fields.items():
            field.step(second, wishes.get(signal) if is_answered or signal in wishes else False)
        libsumo.simulationStep()
        second = libsumo.simulation.getTime()
    try:
        link.publish("things/city/events/end", {})
        link.flush()
    except OSError:
        pass
    return {
        "refused": sum(field.refused for field in fields.values()),
        "forced": sum(field.forced for field in fields.values()),
        "changes": sum(field.changes for field in fields.values()),
        "red_longest": max(field.red_longest for field in fields.values()),
        "misses": misses,
        "silent_from": silent_from,
        "dead": len(detectors.dead),
        "fallback": [field.fallback_at for field in fields.values()],
    }


def judged(trips, end):
    """RESCO's average delay: time loss and late departure of everybody, with those who have not departed or arrived."""
    delay = count = finished = 0
    for _, trip in ElementTree.iterparse(trips):
        if trip.tag != "tripinfo":
            continue
        count += 1
        delay += float(trip.get("timeLoss")) if float(trip.get("depart")) >= 0 else 0.0
        delay += float(trip.get("departDelay"))
        finished += float(trip.get("arrival")) >= 0
        trip.clear()
    return {"delay": delay / max(count, 1), "trips": count, "finished": finished}


def main():
    settings = {**DEFAULTS, **json.loads(sys.argv[1])}
    with tempfile.TemporaryDirectory() as folder:
        trips = os.path.join(folder, "trips.xml")
        if settings["native"] == "actuated":
            start(settings, os.path.join(folder, "unused.xml"))
            text = actuated(settings)
            libsumo.close()
            with open(os.path.join(folder, "actuated.add.xml"), "w", encoding="utf-8") as file:
                file.write(text)
            start(settings, trips, ["-a", os.path.join(folder, "actuated.add.xml")])
        else:
            start(settings, trips)
        begin, end = libsumo.simulation.getTime(), libsumo.simulation.getEndTime()
        if settings["steps"]:
            end = min(end, begin + settings["steps"])
        result = {}
        if settings["native"]:
            while libsumo.simulation.getTime() < end:
                libsumo.simulationStep()
        else:
            result = decided(settings, end)
        version = libsumo.getVersion()[1]
        libsumo.close()
        print(json.dumps({**judged(trips, end), **result, "version": version}))


main()
