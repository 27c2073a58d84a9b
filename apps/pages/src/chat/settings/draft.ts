// Owns the typed texts of the settings dialog, and parsing them into settings or problems. Pure.
import { nearWord } from "@waggle/protocol/near";
import { isObject, readJson, readTools } from "../tool-calls/tool-list.ts";
import {
  fieldNames,
  isInRange,
  numberFields,
  otherNames,
  rangeWords,
  textLimits,
  type FieldName,
  type NumberField,
  type NumberName,
} from "./fields.ts";
import type { Settings } from "./settings.ts";

/** The texts of the fields; empty is the default. */
export type Draft = Readonly<Record<FieldName, string>>;

export type Problems = Readonly<Partial<Record<FieldName, string>>>;

export function draftOf({ system, sampling, stop = [], jsonSchema, tools, reasoning = {} }: Settings): Draft {
  const numbers = fieldNames.map((name) => [name, sampling[name] === undefined ? "" : String(sampling[name])] as const);
  return {
    ...(Object.fromEntries(numbers) as Record<NumberName, string>),
    system,
    stop: stop.map((text) => JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')).join("\n"),
    jsonSchema: jsonSchema === undefined ? "" : JSON.stringify(jsonSchema, null, 2),
    tools: tools === undefined ? "" : JSON.stringify(tools, null, 2),
    enabled: reasoning.enabled === undefined ? "" : reasoning.enabled ? "on" : "off",
    effort: reasoning.effort ?? "",
    others: otherParametersText(sampling),
  };
}

/**
 * @param model kept unchanged, because this dialog does not choose the model
 * @returns the settings of the valid fields, and the problems of the others
 */
export function readDraft(draft: Draft, model: string | undefined): { settings: Settings; problems: Problems } {
  const problems: Partial<Record<FieldName, string>> = {};
  function read<T>(name: FieldName, parse: (text: string) => T): T | undefined {
    try {
      return parse(draft[name]);
    } catch (error) {
      problems[name] = (error as Error).message;
      return undefined;
    }
  }

  const numbers = fieldNames.flatMap((name) => {
    const value = read(name, (text) => readNumber(text, numberFields[name]));
    return value === undefined ? [] : [[name, value] as const];
  });
  const sampling = { ...Object.fromEntries(numbers), ...read("others", readOtherParameters) };
  const stop = read("stop", readStop) ?? [];
  const jsonSchema = read("jsonSchema", readSchema);
  const tools = read("tools", readTools) ?? [];
  const enabled = draft.enabled === "" ? {} : { enabled: draft.enabled === "on" };
  const effort = read("effort", readEffort) ?? "";
  const reasoning = { ...enabled, ...(effort === "" ? {} : { effort }) };
  const settings = {
    system: draft.system,
    sampling,
    ...(stop.length === 0 ? {} : { stop }),
    ...(jsonSchema === undefined ? {} : { jsonSchema }),
    ...(tools.length === 0 ? {} : { tools }),
    ...(Object.keys(reasoning).length === 0 ? {} : { reasoning }),
    ...(model === undefined ? {} : { model }),
  };
  return { settings, problems };
}

/** Undefined for an empty field. */
function readNumber(text: string, field: NumberField): number | undefined {
  const written = text.trim();
  if (written === "") return undefined;
  const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(written) ? Number(written) : Number.NaN;
  if (isInRange(value, field)) return value;
  throw new Error(`${rangeWords(field)}${written.includes(",") ? " Use a point as the decimal separator." : ""}`);
}

/** Reads one stop string from each line, with `\n` and `\t` for line feed and tab. */
function readStop(text: string): readonly string[] {
  const strings = text
    .split("\n")
    .filter((line) => line !== "")
    .map(unescape);
  if (strings.length > textLimits.stopStrings) {
    throw new Error(`At most ${textLimits.stopStrings} strings, one on each line.`);
  }
  if (strings.some((one) => one.length > textLimits.stopChars)) {
    throw new Error(`Each string has ${textLimits.stopChars} characters at most.`);
  }
  return strings;
}

function unescape(line: string): string {
  try {
    return JSON.parse(`"${line.replaceAll('"', '\\"')}"`) as string;
  } catch {
    // A backslash without a valid escape is a backslash.
    return line;
  }
}

function readSchema(text: string): Readonly<Record<string, unknown>> | undefined {
  const value = readJson(text, undefined);
  if (value === undefined || isObject(value)) return value;
  throw new Error('A JSON schema is an object: {"type": "object", …}.');
}

function readEffort(text: string): string {
  const effort = text.trim();
  if (effort.length > textLimits.effortChars) throw new Error(`At most ${textLimits.effortChars} characters.`);
  return effort;
}

type Numbers = Readonly<Partial<Record<NumberName, number>>>;

/** The set parameters as JSON; empty if no parameter is set. */
function otherParametersText(sampling: Numbers): string {
  const set = otherNames.flatMap((name) => (sampling[name] === undefined ? [] : [[name, sampling[name]]]));
  return set.length === 0 ? "" : JSON.stringify(Object.fromEntries(set), null, 1).replaceAll(/\n\s*/g, " ");
}

/** @throws Error whose message is a sentence */
function readOtherParameters(text: string): Numbers {
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
