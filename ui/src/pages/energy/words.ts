// The words of the energy pages come with the first of them and not with the first page.
import { energy } from "../../messages/energy.ts";
import { learn } from "../../messages/index.ts";

learn(energy);
