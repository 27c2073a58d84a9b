// Reads the section `models` of the settings file: model names, each with a reference and settings for that model only.
import { isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Node } from "yaml";
import { settingText, type FileValue, type SectionContext } from "@waggle/daemon";
import { isModelSetting } from "./model-settings.ts";
import { optionRows } from "./option-table.ts";
import type { OptionKey } from "./option-table.ts";
import { givenModel } from "./options/serving-options.ts";

/** A model of the settings file, as it is written there. */
export interface ModelSection {
  readonly name: string;
  /** Counted from 1. */
  readonly line: number;
  /** A path, or a reference to download. */
  readonly reference: string;
  readonly aliases: readonly string[];
  readonly pinned: boolean;
  /** The settings that the file gives to this model; each text is valid. */
  readonly values: ReadonlyMap<OptionKey, FileValue>;
}

export interface FileModels {
  readonly models: readonly ModelSection[];
  /** A text for each problem, beginning with its line. */
  readonly reasons: readonly string[];
}

const referenceName = "model";
const noReference = "has no model: a GGUF file, or a reference to download";
const aliasName = "alias";
const pinName = "pin";

const rowsByName = new Map(
  optionRows.filter(([key]) => isModelSetting(key) || key === "keepAliveMs").map((entry) => [entry[1].flag, entry]),
);

export function readFileModels(node: Node | null, context: SectionContext): FileModels {
  const root = resolved(node, context);
  if (!isMap<Node, Node | null>(root) || root.items.length === 0) {
    return { models: [], reasons: [`line ${context.line}: models must be names, each with its model below it`] };
  }
  const reasons: string[] = [];
  const models = root.items.flatMap(({ key, value }): readonly ModelSection[] => {
    const line = context.lineOf(key);
    const name = isScalar(key) ? String(key.value) : "";
    if (givenModel(`${name}=x`)?.name !== name) {
      reasons.push(`line ${line}: ${JSON.stringify(name.slice(0, 80))} cannot be the name of a model`);
      return [];
    }
    const found = readModel(name, value, { ...context, line });
    reasons.push(...found.reasons.map((reason) => `line ${reason.line}: models.${name} ${reason.text}`));
    return [found.model];
  });
  return { models, reasons };
}

interface Reason {
  readonly line: number;
  readonly text: string;
}

function readModel(
  name: string,
  node: Node | null,
  context: SectionContext,
): { readonly model: ModelSection; readonly reasons: readonly Reason[] } {
  const reasons: Reason[] = [];
  const values = new Map<OptionKey, FileValue>();
  const own = { reference: "", aliases: [] as readonly string[], pinned: false };
  const { document, line, lineOf } = context;
  const body = resolved(node, context);
  const refuse = (at: number, text: string): unknown => reasons.push({ line: at, text });

  function readReference(value: Node | null, at: number): void {
    const text = isScalar(value) && typeof value.value === "string" ? value.value : "";
    if (text.trim() === "" || givenModel(`${name}=${text}`) === undefined) refuse(at, noReference);
    else own.reference = text;
  }

  function readAliases(value: Node | null, at: number): void {
    const items = isSeq<Node>(value) ? value.items : [value];
    own.aliases = items.map((item) => (isScalar(item) && typeof item.value === "string" ? item.value.trim() : ""));
    if (own.aliases.includes("")) refuse(at, `${aliasName} takes a name, or a list of names`);
  }

  function readPin(value: Node | null, at: number): void {
    if (isScalar(value) && typeof value.value === "boolean") own.pinned = value.value;
    else refuse(at, `${pinName} must be true or false`);
  }

  function readSetting(setting: string, value: Node | null, at: number): void {
    const [option, row] = rowsByName.get(setting) ?? [];
    if (option === undefined || row === undefined) {
      refuse(at, `cannot have the setting ${JSON.stringify(setting.slice(0, 80))}`);
      return;
    }
    const found = settingText(value, row, document);
    if ("problem" in found) {
      refuse(at, `${setting} ${found.problem}`);
      return;
    }
    const { text } = found;
    const [issue] = row.schema.safeParse(text).error?.issues ?? [];
    if (issue === undefined) values.set(option, { text, line: at });
    else refuse(at, `cannot have ${setting} ${JSON.stringify(text.slice(0, 80))}: ${issue.message}`);
  }

  const readers = new Map([
    [referenceName, readReference],
    [aliasName, readAliases],
    [pinName, readPin],
  ]);
  if (isMap<Node, Node | null>(body)) {
    for (const { key, value } of body.items) {
      const setting = isScalar(key) ? String(key.value) : "";
      const read = readers.get(setting);
      if (read === undefined) readSetting(setting, value, lineOf(key));
      else read(resolved(value, context), lineOf(key));
    }
    if (!body.has(referenceName)) refuse(line, noReference);
  } else readReference(body, line);
  return { model: { name, line, ...own, values }, reasons };
}

function resolved(node: Node | null, { document }: SectionContext): Node | null {
  return isAlias(node) ? (node.resolve(document) ?? null) : node;
}
