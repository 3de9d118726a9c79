// The words of the map come with it and not with the first page.
import { learn } from "../../messages/index.ts";
import { map } from "../../messages/map.ts";

learn(map);
