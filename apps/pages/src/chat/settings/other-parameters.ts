// Owns parsing the settings that are typed as JSON: the parameters of a request without a field in the dialog. Pure.
import { nearWord } from "@waggle/protocol/near";
import { isObject, readJson } from "../tool-calls/tool-list.ts";
import { isInRange, numberFields, otherNames, rangeWords, type NumberName } from "./fields.ts";

type Numbers = Readonly<Partial<Record<NumberName, number>>>;

/** The set parameters as JSON; empty if no parameter is set. */
export function otherParametersText(sampling: Numbers): string {
  const set = otherNames.flatMap((name) => (sampling[name] === undefined ? [] : [[name, sampling[name]]]));
  return set.length === 0 ? "" : JSON.stringify(Object.fromEntries(set), null, 1).replaceAll(/\n\s*/g, " ");
}

/** @throws Error whose message is a sentence */
export function readOtherParameters(text: string): Numbers {
  const value = readJson(text, {});
  if (!isObject(value)) throw new Error('Parameters are an object: {"repeat_penalty": 1.1}.');
  for (const [name, given] of Object.entries(value)) {
    const known = otherNames.find((other) => other === name);
    if (known === undefined) throw new Error(unknownWords(name));
    if (typeof given !== "number" || !isInRange(given, numberFields[known])) {
      throw new Error(`${known}: ${rangeWords(numberFields[known])}`);
    }
  }
  return value;
}

function unknownWords(name: string): string {
  if (name in numberFields) return `Set ${name} in its field of this dialog.`;
  const near = nearWord(name, otherNames);
  return `Unknown parameter ${name}.${near === undefined ? "" : ` Did you mean ${near}?`}`;
}
