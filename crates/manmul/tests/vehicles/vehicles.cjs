// Robots that nobody here wrote: vda-5050-lib's AgvController with its VirtualAgvAdapter, as many in this process as asked for.
//
//   NODE_PATH=.../node_modules node vehicles.cjs FILE
//
// FILE is JSON: {"broker": URL, "interface": NAME, "folder": DIR, "speed": M/S, "vehicles": [{"manufacturer", "serial",
// "username", "password", "x", "y", "map", "node"}]}. As real robots do, one that was killed knows where it stands and what it
// carries when it is started again, and has forgotten its order: the folder holds what it knows.

const fs = require("node:fs");
const path = require("node:path");
const { AgvController, VirtualAgvAdapter } = require("vda-5050-lib");

const RETRY_MS = 500;

const plan = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

class Robot extends AgvController {
    remember(file) {
        this.file = file;
    }

    onStateChanged(changes) {
        if (this.file === undefined || !("agvPosition" in changes || "lastNodeId" in changes || "loads" in changes)) {
            return;
        }
        const { agvPosition, lastNodeId, loads } = this.currentState;
        const text = JSON.stringify({ agvPosition, lastNodeId, loads });
        // Whole or not at all, whenever the process is killed.
        fs.writeFileSync(this.file + ".new", text);
        fs.renameSync(this.file + ".new", this.file);
    }
}

class Adapter extends VirtualAgvAdapter {
    attach(context) {
        super.attach(context);
        this.vehicleState.currentLoad = this.options.initialLoad;
    }
}

function recall(file) {
    return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : {};
}

async function start(vehicle) {
    const { manufacturer, serial: serialNumber, username, password, x, y, map, node } = vehicle;
    const file = path.join(plan.folder, `${manufacturer}-${serialNumber}.json`);
    const known = recall(file);
    const client = {
        interfaceName: plan.interface,
        vdaVersion: "2.0.0",
        transport: { brokerUrl: plan.broker, username, password, heartbeat: 5, reconnectPeriod: RETRY_MS },
    };
    const position = known.agvPosition ?? { x, y, theta: 0, mapId: map };
    const adapter = {
        initialPosition: { ...position, lastNodeId: known.lastNodeId ?? node },
        initialLoad: known.loads?.[0],
        vehicleSpeed: plan.speed,
        tickRate: 10,
    };
    const controller = { agvAdapterType: Adapter, publishStateInterval: 2000, publishVisualizationInterval: 1000 };
    for (;;) {
        const robot = new Robot({ manufacturer, serialNumber }, client, controller, adapter);
        robot.remember(file);
        try {
            await robot.start();
            return;
        } catch {
            // Nobody listens yet.
            await new Promise(resolve => setTimeout(resolve, RETRY_MS));
        }
    }
}

Promise.all(plan.vehicles.map(start)).then(() => console.log("all connected"));
