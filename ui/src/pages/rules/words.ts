// The words of these pages are many, so they come with the first of them and not with the first page.
import { learn } from "../../messages/index.ts";
import { rules } from "../../messages/rules.ts";

learn(rules);
