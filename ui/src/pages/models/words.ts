// The words of models that people bring come with the pages of models and not with the first page.
import { inference } from "../../messages/inference.ts";
import { learn } from "../../messages/index.ts";

learn(inference);
