//! The energy of a home in a running Manmul, on a clock that the test moves: what is found and said, plans and who carries them
//! out, and what happens when feeds and meters fall silent.

use std::sync::Arc;
use std::time::Duration;

use manmul::assemble;
use model::{Clock as _, SteppedClock, Timestamp};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::block_in_place;

use crate::common::{Mqtt, Site, config};

/// A Monday morning.
const START: &str = "2026-06-01T06:00:00Z";

struct Home {
    site: Site,
    clock: Arc<SteppedClock>,
    meter: Mqtt<TcpStream>,
    battery: Mqtt<TcpStream>,
    prices: Mqtt<TcpStream>,
    weather: Mqtt<TcpStream>,
}

fn number(unit: &str) -> Value {
    json!({"type": "number", "unit": unit, "role": "primary"})
}

fn settings() -> Value {
    let dynamic = json!({"kind": "dynamic", "property": "prices/price", "factor": 1.0, "plus": 0.0, "otherwise": 0.4});
    json!({
        "tariff": {"currency": "EUR", "import": dynamic, "export": {"kind": "flat", "price": 0.05},
            "capacity_price_per_kilowatt_month": 0.0},
        "carbon": {"kind": "flat", "grams": 350.0}
    })
}

/// A thing that has said what it is.
async fn connected(site: &Site, id: &str, model: &Value) -> Mqtt<TcpStream> {
    let secret = site.thing(id);
    let (mut client, code) = Mqtt::connect(site, Some((id, &secret))).await;
    assert_eq!(code, 0);
    assert!(client.publish(&format!("things/{id}/model"), model.to_string()).await);
    client
}

impl Home {
    async fn start() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let clock = Arc::new(SteppedClock::new(Timestamp::parse(START).unwrap()));
        let running = assemble(config(folder.path()), Arc::clone(&clock) as Arc<dyn model::Clock>).await.unwrap();
        let site = Site { running, folder };
        let zone = json!({"time_zone": "UTC", "latitude": null, "longitude": null});
        site.ask("PUT", "/api/v1/settings/place", &zone).expect(200);
        let models = [
            (
                "meter",
                json!({"id": "meter", "kind": "grid-meter", "title": "Meter", "properties": {"power": number("W")}}),
            ),
            (
                "battery",
                json!({"id": "battery", "kind": "battery", "title": "Battery",
                    "description": "positive power is what it gives",
                    "properties": {
                        "charge": number("%"), "power": number("W"),
                        "energy_stored": {"type": "number", "unit": "kWh", "minimum": 0, "maximum": 10},
                        "set_power": {"type": "number", "unit": "W", "minimum": -3000, "maximum": 3000, "writable": true},
                        "mode": {"type": "string", "choices": ["self_use", "hold", "set_power"], "writable": true}}}),
            ),
            (
                "prices",
                json!({"id": "prices", "kind": "price-feed", "title": "Prices",
                    "properties": {"price": number("€/kWh"), "prices": {"type": "json"}}}),
            ),
            (
                "weather",
                json!({"id": "weather", "kind": "weather-station", "title": "Weather",
                    "properties": {"temperature": number("°C")}}),
            ),
        ];
        let mut clients = Vec::new();
        for (id, model) in models {
            let client = connected(&site, id, &model).await;
            clients.push(client);
        }
        let [meter, battery, prices, weather] = clients.try_into().unwrap_or_else(|_| panic!("four things"));
        Self { site, clock, meter, battery, prices, weather }
    }

    /// What the things say now; `charge` is what is in the battery, in percent.
    async fn tell(&mut self, watts: f64, charge: f64) {
        assert!(self.meter.publish("things/meter/properties/power", watts.to_string()).await);
        let battery = json!({"charge": charge, "energy_stored": charge / 10.0, "power": 0.0});
        assert!(self.battery.publish("things/battery/properties", battery.to_string()).await);
        let time = self.clock.now().micros();
        let seen = move |thing: &Value| {
            thing["properties"].as_array().is_some_and(|properties| {
                properties
                    .iter()
                    .any(|one| one["name"] == "charge" && one["value"] == charge && one["received"] == time)
            })
        };
        self.site.until("/api/v1/things/battery", seen).await;
        self.site
            .until("/api/v1/things/meter", |thing| {
                thing["properties"][0]["value"] == watts && thing["properties"][0]["received"] == time
            })
            .await;
    }

    /// Prices of a day of hours from now on: dear in the first six, then cheap, then dear.
    async fn tell_prices(&mut self) {
        let hour = |hour: usize| if (6..12).contains(&hour) { 0.1 } else { 0.5 };
        let start = self.clock.now().micros() / 1_000_000;
        let ahead = json!({"start": start, "step_seconds": 3600, "values": (0..24).map(hour).collect::<Vec<f64>>()});
        let said = json!({"price": 0.5, "prices": ahead});
        assert!(self.prices.publish("things/prices/properties", said.to_string()).await);
        self.site.until("/api/v1/things/prices", |thing| thing["properties"].as_array().unwrap().len() == 2).await;
    }

    fn turn(&self) -> Value {
        block_in_place(|| self.site.running.look_after_home());
        self.site.get("/api/v1/home/plan")
    }

    fn pass(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(minutes * 60));
    }

    fn notes(plan: &Value) -> Vec<&str> {
        plan["notes"].as_array().unwrap().iter().map(|note| note["about"].as_str().unwrap()).collect()
    }

    /// What the battery is told within reason.
    async fn told(&mut self) -> Value {
        loop {
            let got = self.battery.next().await.unwrap();
            if got.topic == "things/battery/desired" {
                return serde_json::from_str(&got.payload).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_plan_and_who_decides() {
    let mut home = Home::start().await;
    home.tell(800.0, 50.0).await;
    let view = home.site.get("/api/v1/home/settings");
    let roles: Vec<&str> =
        view["home"]["found"].as_array().unwrap().iter().map(|found| found["role"].as_str().unwrap()).collect();
    assert_eq!((roles, &view["rev"]), (vec!["grid", "battery", "prices", "weather"], &json!(0)));
    assert_eq!((&home.turn()["standing"], &home.turn()["course"]), (&json!("hands_off"), &Value::Null));

    let mut wrong = settings();
    wrong["tariff"]["export"]["price"] = json!(1e9);
    wrong["departures"] = json!([{"car": "car", "minute": 2000, "percent": 80}]);
    let refused = home.site.ask("PUT", "/api/v1/home/settings", &wrong).expect(422);
    let places: Vec<&str> =
        refused["errors"].as_array().unwrap().iter().map(|error| error["place"].as_str().unwrap()).collect();
    assert_eq!(places, ["/tariff/export/price", "/departures/0/minute"]);
    let kept = home.site.ask("PUT", "/api/v1/home/settings", &settings()).expect(200);
    assert_eq!(kept["rev"], 1);
    let stale = [("if-match", "\"7\""), ("content-type", "application/json")];
    let bearer = format!("Bearer {}", home.site.running.local_secret);
    let headers = [stale[0], stale[1], ("authorization", bearer.as_str())];
    let body = settings().to_string();
    assert_eq!(home.site.request("PUT", "/api/v1/home/settings", &headers, body.as_bytes()).status, 412);

    home.tell_prices().await;
    home.pass(1);
    home.tell(801.0, 50.0).await;
    let plan = home.turn();
    assert_eq!((&plan["mode"], &plan["standing"]), (&json!("off"), &json!("plan")), "{plan}");
    let course = &plan["course"];
    assert_eq!((course["grid_watts"].as_array().unwrap().len(), &plan["decided"]), (96, &json!([])));
    let device = &course["devices"][0];
    assert!(!device["reasons"].as_array().unwrap().is_empty(), "{device}");
    let watts: Vec<f64> = device["watts"].as_array().unwrap().iter().map(|watts| watts.as_f64().unwrap()).collect();
    assert!(watts[..20].iter().all(|watts| *watts < 1.0), "it does not take while that is dear: {watts:?}");
    assert!(watts[24..48].iter().sum::<f64>() > 4_000.0, "it takes while that is cheap: {watts:?}");
    assert!(course["cost"].as_f64().unwrap() < course["cost_unplanned"].as_f64().unwrap() + 1e-6);
    let now = home.site.get("/api/v1/home/now");
    assert_eq!((&now["import_price"], &now["flows"][0]["from"]), (&json!(0.5), &json!("meter")));

    // In shadow everything is decided and nothing sent; what is sent needs something to show for it.
    home.site.ask("POST", "/api/v1/home/mode", &json!({"mode": "operate"})).expect(409);
    home.site.ask("POST", "/api/v1/home/mode", &json!({"mode": "shadow"})).expect(200);
    let plan = home.turn();
    assert_eq!((&plan["mode"], &plan["decided"][0]["sent"]), (&json!("shadow"), &json!(false)), "{plan}");
    assert_eq!(home.site.get("/api/v1/things/battery/commands")["items"], json!([]));

    assert_eq!(home.battery.subscribe("things/battery/desired").await, 1);
    let live = home.site.ask("POST", "/api/v1/home/mode", &json!({"mode": "operate", "force": true})).expect(200);
    assert_eq!((&live["now"]["mode"], &live["now"]["run"]), (&json!("operate"), &Value::Null));
    let plan = home.turn();
    assert_eq!(plan["decided"][0]["sent"], true, "{plan}");
    let told = home.told().await;
    assert!(told["mode"].is_string() || told["set_power"].is_number(), "{told}");
    let commands = home.site.get("/api/v1/things/battery/commands");
    let command = &commands["items"][0];
    assert_eq!(
        (&command["cause"]["kind"], &command["cause"]["id"]),
        (&json!("policy"), &json!("optimiser")),
        "{command}"
    );
    // The command follows from a decision that says why.
    let entry = home.site.get(&format!("/api/v1/entries/{}", command["cause"]["position"]));
    let text = entry.to_string();
    assert!(text.contains("decisions") && text.contains("reason"), "{text}");

    // Switched off, it is left to itself.
    home.site.ask("POST", "/api/v1/home/mode", &json!({"mode": "off"})).expect(200);
    home.turn();
    assert_eq!(home.told().await["mode"], "self_use");
    home.site.running.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_falls_silent_costs_its_own_knowledge_only() {
    let mut home = Home::start().await;
    home.tell(800.0, 50.0).await;
    home.site.ask("PUT", "/api/v1/home/settings", &settings()).expect(200);
    home.site.ask("POST", "/api/v1/home/mode", &json!({"mode": "operate", "force": true})).expect(200);
    home.tell_prices().await;
    assert!(home.weather.publish("things/weather/properties/temperature", "11.5").await);
    home.site.until("/api/v1/things/weather", |thing| thing["properties"][0]["value"] == 11.5).await;
    assert_eq!(home.battery.subscribe("things/battery/desired").await, 1);
    let plan = home.turn();
    assert_eq!(plan["standing"], "plan", "{plan}");
    assert!(!Home::notes(&plan).iter().any(|about| ["prices", "weather"].contains(about)), "{plan}");
    let made = plan["course"]["made"].clone();

    // The price feed is gone: what it told before still holds, the rest stands as the settings say, and both are said.
    home.pass(150);
    home.tell(810.0, 45.0).await;
    let plan = home.turn();
    assert_eq!(plan["standing"], "plan");
    assert!(Home::notes(&plan).contains(&"prices") && plan["course"]["made"] != made, "{plan}");
    let (prices, known) = (&plan["course"]["import_price"], &plan["course"]["price_known"]);
    assert_eq!(
        (&prices[20], &known[20], &prices[95], &known[95]),
        (&json!(0.1), &json!(true), &json!(0.4), &json!(false))
    );

    // The meter is silent: the last plan is gone by, then everything by itself.
    home.pass(20);
    let plan = home.turn();
    assert_eq!(plan["standing"], "last_plan", "{plan}");
    assert!(Home::notes(&plan).contains(&"meter"));
    home.pass(6 * 60);
    let plan = home.turn();
    assert_eq!(plan["standing"], "rule", "{plan}");
    assert_eq!(
        (&plan["decided"][0]["value"], &plan["decided"][0]["sent"]),
        (&json!("self_use"), &json!(true)),
        "{plan}"
    );
    let mut told = home.told().await;
    while told["mode"] != "self_use" {
        told = home.told().await;
    }

    // It speaks again: planned again.
    home.tell(820.0, 40.0).await;
    let plan = home.turn();
    assert_eq!(plan["standing"], "plan");
    // The weather has been silent for hours: it is planned all the same, and that is said.
    assert!(Home::notes(&plan).contains(&"weather"), "{plan}");

    // Days come from what was told.
    let days = home.site.get("/api/v1/home/days?days=2");
    let today = days["days"].as_array().unwrap().last().unwrap().clone();
    assert!(
        today["imported_kilowatt_hours"].as_f64().unwrap() > 0.0 && today["cost"].as_f64().unwrap() > 0.0,
        "{today}"
    );
    home.site.ask("GET", "/api/v1/home/days?days=99", &Value::Null).expect(422);
    home.site.running.drain().await.unwrap();
}

/// A battery that follows a house with sun by day, for eight days: what is known of it afterwards, what the plan would have saved,
/// and what becomes of questions about this home.
#[tokio::test(flavor = "multi_thread")]
async fn the_home_is_learned_and_asked_what_would_be() {
    let mut home = Home::start().await;
    let model = json!({"id": "roof", "kind": "solar-inverter", "title": "Roof", "properties": {"power": number("W")}});
    let mut roof = connected(&home.site, "roof", &model).await;
    home.site.ask("GET", "/api/v1/home/scenario", &Value::Null).expect(409);
    let mut said = settings();
    said["tariff"]["import"] = json!({"kind": "time_of_use", "otherwise": 0.2, "windows": [
        {"days": [], "months": [], "from_minute": 1020, "to_minute": 1320, "price": 0.5}]});
    home.site.ask("PUT", "/api/v1/home/settings", &said).expect(200);
    let now = home.clock.now().micros();
    let mut charge = 50.0_f64;
    let [mut meter, mut battery, mut weather, mut sun] = [const { Vec::new() }; 4];
    for quarter in 0..9 * 96_i64 {
        let time = now + (quarter - 9 * 96) * 900_000_000;
        let hour = (time / 900_000_000).rem_euclid(96) as f64 / 4.0;
        let surplus = match hour {
            10.0..15.0 => 1_500.0,
            17.0..22.0 => -2_000.0,
            _ => -300.0,
        };
        // Ten kilowatt hours, of which nothing is lost.
        let watts = if surplus > 0.0 {
            f64::min(surplus, (100.0 - charge) * 400.0)
        } else {
            f64::max(surplus, -charge * 400.0)
        };
        meter.push(json!({"time": time / 1_000_000, "power": watts - surplus}));
        battery.push(json!({"time": time / 1_000_000, "charge": charge, "power": -watts}));
        charge += watts / 400.0;
        weather.push(json!({"time": time / 1_000_000, "temperature": 12.0}));
        sun.push(json!({"time": time / 1_000_000, "power": f64::max(surplus, 0.0)}));
    }
    let all = [
        (&mut home.meter, "meter", meter),
        (&mut home.battery, "battery", battery),
        (&mut home.weather, "weather", weather),
        (&mut roof, "roof", sun),
    ];
    for (client, thing, told) in all {
        assert!(client.publish(&format!("things/{thing}/properties"), Value::from(told).to_string()).await);
    }
    home.tell(500.0, 50.0).await;
    block_in_place(|| home.site.running.learn_home());
    let savings = home.site.get("/api/v1/home/savings");
    assert_eq!((&savings["since"], &savings["learnt"][0]["known"]), (&Value::Null, &json!(true)), "{savings}");
    let saving = &savings["before"]["saving"];
    assert!(saving["mean"].as_f64() > Some(0.0) && saving["low"].as_f64() <= saving["high"].as_f64(), "{savings}");
    let scenario = home.site.get("/api/v1/home/scenario");
    assert!(scenario["world"]["days"].as_array().unwrap().len() >= 7, "the days of this home");
    let kilowatt_hours = scenario["world"]["sizes"]["battery_kilowatt_hours"].as_f64().unwrap();
    assert!((kilowatt_hours - 10.0).abs() < 1.0, "{kilowatt_hours}");
    let question = json!({"change": {"/world/sizes/battery_kilowatt_hours": 20.0}, "days": 2, "seeds": 2});
    let answer = home.site.ask("POST", "/api/v1/home/what-if", &question).expect(200);
    assert!(
        answer["purchase"].as_f64().unwrap() > 0.0 && answer["saving_per_year"]["half_width"].is_number(),
        "{answer}"
    );
    let wrong = json!({"change": {"/world/sizes/batery": 20.0}});
    home.site.ask("POST", "/api/v1/home/what-if", &wrong).expect(422);
    home.site.ask("POST", "/api/v1/home/what-if", &json!({"change": {}, "days": 99})).expect(422);
    let bill = home.site.ask("POST", "/api/v1/home/backtest", &json!({"paid": 12.5})).expect(200);
    assert!(bill["words"].as_str().unwrap().contains("12.50 were paid"), "{bill}");
    home.site.running.drain().await.unwrap();
}
