// The lines a person pastes to connect a thing, quoted so that they survive a shell. Pure.

export interface Place { host: string; mqttPort: number; origin: string }
export interface Login { thing: string; username: string; secret: string }

const word = (text: string) => (/^[\w.:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

export function mqttLine(place: Place, login: Login, name: string, value: string): string {
  return `mosquitto_pub -h ${word(place.host)} -p ${place.mqttPort} -u ${word(login.username)} -P ${word(login.secret)} -t ${word(`things/${login.thing}/properties/${name}`)} -m ${word(value)}`;
}

export function httpLine(place: Place, login: Login, name: string, value: string): string {
  return `curl -u ${word(`${login.username}:${login.secret}`)} -H 'Content-Type: application/json' -d '${JSON.stringify({ [name]: Number(value) })}' ${word(`${place.origin}/api/v1/ingest/things/${login.thing}`)}`;
}

/** What a device that speaks Home Assistant discovery must be told, as its own settings usually name it. */
export function discoverySettings(place: Place, login: Login): [string, string][] {
  return [["host", place.host], ["port", String(place.mqttPort)], ["username", login.username], ["password", login.secret], ["prefix", "homeassistant"]];
}
