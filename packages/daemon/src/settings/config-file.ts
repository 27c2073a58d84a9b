// Reads the YAML settings file. Each value becomes the text that the setting's flag would have, and the setting's row validates this text, as for
// flags and variables.
import { LineCounter, isMap, isScalar, parseDocument } from "yaml";
import type { Document, Node } from "yaml";
import { reasonOf } from "../terminal/index.ts";
import { textOf } from "./file-values.ts";
import type { FileValue } from "./file-values.ts";
import type { OptionRow, OptionRows } from "./option-row.ts";
import { SettingsError } from "./settings-error.ts";
import type { SettingsFile } from "./settings.ts";
import { text } from "./values.ts";

/** Limit for the file's length: enough for the settings of hundreds of models, so a longer file is not a settings file. */
const maxFileChars = 1_048_576;
/** At most this many problems of a file are reported. */
const mostProblems = 20;
const maxShownChars = 80;

/** The setting that names the settings file. */
export const fileOptions = {
  configFile: {
    flag: "config",
    value: "file",
    group: "Settings file",
    help: "YAML file with settings under the names of their flags",
    schema: text(1, 4_096),
  },
} as const satisfies OptionRows;

/** @param reasons a reason for each problem, without a full stop */
export function configFileError(path: string, reasons: readonly string[]): SettingsError {
  return new SettingsError(reasons.slice(0, mostProblems).map((reason) => `Cannot use --config ${path}: ${reason}.`));
}

export interface SectionContext {
  readonly document: Document;
  /** The line number of the section's name, counted from 1. */
  readonly line: number;
  readonly lineOf: (node: Node) => number;
}

/** Reads a section of the file whose data is not a setting. @returns a reason for each problem, with its line */
export type ReadSection = (node: Node | null, context: SectionContext) => readonly string[];

/**
 * Settings by the names of their flags, without the dashes. Switches are true or false; repeatable settings may be a list.
 * @throws SettingsError
 */
export function readConfigFile<T extends OptionRows>(
  path: string,
  read: (path: string) => string,
  table: T,
  sections: ReadonlyMap<string, ReadSection> = new Map(),
): SettingsFile<keyof T & string> {
  const lines = new LineCounter();
  const document = parse(path, read, lines);
  const lineOf = (node: Node): number => lines.linePos(node.range?.[0] ?? 0).line;
  const { contents } = document;
  // A file that contains only comments or `---` has no settings.
  const root = isScalar(contents) && contents.value === null ? null : contents;
  if (root !== null && !isMap<Node, Node | null>(root)) {
    throw configFileError(path, [`line ${lineOf(root)}: it must be settings, one \`name: value\` a line`]);
  }
  const rows = new Map(
    (Object.entries(table) as [keyof T & string, OptionRow][]).map(([key, row]) => [row.flag, { key, row }]),
  );
  const values = new Map<keyof T & string, FileValue>();
  const reasons: string[] = [];
  for (const { key, value } of root?.items ?? []) {
    const line = lineOf(key);
    const name = isScalar(key) ? String(key.value) : "";
    const option = rows.get(name);
    const section = sections.get(name);
    if (section !== undefined) reasons.push(...section(value, { document, line, lineOf }));
    else if (name === fileOptions.configFile.flag)
      reasons.push(`line ${line}: config cannot be set in the file itself`);
    else if (option === undefined) {
      reasons.push(`line ${line}: unknown setting ${JSON.stringify(name.slice(0, maxShownChars))}`);
    } else {
      const found = textOf(value, option.row, document);
      if ("problem" in found) reasons.push(`line ${line}: ${name} ${found.problem}`);
      else values.set(option.key, { ...found, line });
    }
  }
  if (reasons.length > 0) throw configFileError(path, reasons);
  return { path, values };
}

function parse(path: string, read: (path: string) => string, lineCounter: LineCounter): Document.Parsed {
  let source: string;
  try {
    source = read(path);
  } catch (error) {
    throw configFileError(path, [reasonOf(error)]);
  }
  if (source.length > maxFileChars) throw configFileError(path, [`it has more than ${maxFileChars} characters`]);
  const document = parseDocument(source, { lineCounter, prettyErrors: false });
  const reasons = [...document.errors, ...document.warnings].map(({ code, message, pos }) => {
    const { line } = lineCounter.linePos(pos[0]);
    if (code !== "DUPLICATE_KEY") return `line ${line}: not YAML: ${message.replace(/\.$/, "")}`;
    const name = /^[^\s:]*/.exec(source.slice(pos[0], pos[0] + maxShownChars))?.[0] ?? "";
    return `line ${line}: ${name} is set twice`;
  });
  if (reasons.length > 0) throw configFileError(path, reasons);
  return document;
}
