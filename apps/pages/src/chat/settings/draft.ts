// Owns the typed texts of the settings dialog, and parsing them into settings or problems. Pure.
import { formatCount } from "../../parts/format.ts";
import { isObject, readTools } from "../tool-calls/tool-list.ts";
import {
  fieldNames,
  isInRange,
  numberFields,
  rangeWords,
  textLimits,
  type FieldName,
  type NumberField,
  type NumberName,
} from "./fields.ts";
import { otherParametersText, readOtherParameters } from "./other-parameters.ts";
import type { Settings } from "./settings.ts";

/** The texts of the fields; empty is the default. */
export type Draft = Readonly<Record<FieldName, string>>;

export type ReadDraft =
  | { readonly kind: "settings"; readonly settings: Settings }
  | { readonly kind: "problems"; readonly problems: Readonly<Partial<Record<FieldName, string>>> };

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

/** @param model kept unchanged, because this dialog does not choose the model */
export function readDraft(draft: Draft, model: string | undefined): ReadDraft {
  const problems: Partial<Record<FieldName, string>> = {};
  const sampling: Partial<Record<NumberName, number>> = {};
  for (const name of fieldNames) {
    const value = readNumber(draft[name], numberFields[name]);
    if (typeof value === "string") problems[name] = value;
    else if (value !== undefined) sampling[name] = value;
  }
  const others = readOtherParameters(draft.others);
  if (typeof others === "string") problems.others = others;
  else Object.assign(sampling, others);
  const stop = readStop(draft.stop);
  if (typeof stop === "string") problems.stop = stop;
  const schema = readSchema(draft.jsonSchema);
  if (typeof schema === "string") problems.jsonSchema = schema;
  const tools = readTools(draft.tools);
  if (tools.kind === "problem") problems.tools = tools.sentence;
  const effort = draft.effort.trim();
  if (effort.length > textLimits.effortChars) problems.effort = `At most ${textLimits.effortChars} characters.`;
  if (Object.keys(problems).length > 0) return { kind: "problems", problems };
  return {
    kind: "settings",
    settings: {
      system: draft.system,
      sampling,
      ...(typeof stop === "string" || stop.length === 0 ? {} : { stop }),
      ...(typeof schema === "string" || schema === undefined ? {} : { jsonSchema: schema }),
      ...(tools.kind === "problem" || tools.tools.length === 0 ? {} : { tools: tools.tools }),
      ...reasoningOf(draft.enabled, effort),
      ...(model === undefined ? {} : { model }),
    },
  };
}

/** The number; undefined for an empty field; a string with the problem of an invalid text. */
function readNumber(text: string, field: NumberField): number | string | undefined {
  const written = text.trim();
  if (written === "") return undefined;
  const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(written) ? Number(written) : Number.NaN;
  if (isInRange(value, field)) return value;
  return written.includes(",") ? `${rangeWords(field)} Use a point as the decimal separator.` : rangeWords(field);
}

/** Reads one stop string from each line, with `\n` and `\t` for line feed and tab. A returned string is a problem. */
function readStop(text: string): readonly string[] | string {
  const strings = text
    .split("\n")
    .filter((line) => line !== "")
    .map(unescape);
  if (strings.length > textLimits.stopStrings) return `At most ${textLimits.stopStrings} strings, one on each line.`;
  if (strings.some((one) => one.length > textLimits.stopChars)) {
    return `Each string has ${textLimits.stopChars} characters at most.`;
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

function readSchema(text: string): Readonly<Record<string, unknown>> | string | undefined {
  if (text.trim() === "") return undefined;
  if (text.length > textLimits.schemaChars) {
    return `At most ${formatCount(textLimits.schemaChars)} characters.`;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
    return 'A JSON schema is an object: {"type": "object", …}.';
  } catch (error) {
    return `Not JSON: ${(error as Error).message}.`;
  }
}

function reasoningOf(enabled: string, effort: string): Pick<Settings, "reasoning"> {
  const reasoning = {
    ...(enabled === "" ? {} : { enabled: enabled === "on" }),
    ...(effort === "" ? {} : { effort }),
  };
  return Object.keys(reasoning).length === 0 ? {} : { reasoning };
}
