// Reads the YAML settings file. Each value becomes the text that the setting's flag would have, and the setting's row validates this text, as for
// flags and variables.
import { LineCounter, isMap, isScalar, parseDocument } from "yaml";
import type { Document, ErrorCode, Node } from "yaml";
import { errorReason } from "../terminal/index.ts";
import { settingText } from "./file-values.ts";
import type { FileValue } from "./file-values.ts";
import { inGroup, setting, type OptionRow, type OptionRows } from "./option-row.ts";
import type { SettingsFile } from "./settings.ts";
import { text } from "./values.ts";

/** Limit for the file's length: enough for the settings of hundreds of models, so a longer file is not a settings file. */
const maxFileChars = 1_048_576;
/** At most this many problems of a file are reported. */
const mostProblems = 20;
const maxShownChars = 80;

/** What people do wrong, by the code of the YAML library's error. */
const yamlMistakes: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias (*name) cannot have an anchor or a tag",
  BAD_ALIAS: "an alias (*name) has no name",
  BAD_DQ_ESCAPE: "double quotes contain a backslash; use single quotes",
  BAD_INDENT: "the spaces at its start differ from those of its neighbours, or a bracket is missing",
  BAD_SCALAR_START: "a text begins with a sign that YAML keeps for itself; put quotes around the text",
  BLOCK_AS_IMPLICIT_KEY: "two names are on one line; put quotes around a text with a colon",
  BLOCK_IN_FLOW: "a list or map of several lines is inside brackets",
  MISSING_CHAR: "a quote, a bracket or a colon is missing",
  MULTILINE_IMPLICIT_KEY: "a colon or the spaces at its start are missing",
  MULTIPLE_DOCS: "a second document begins here; the file can have only one",
  TAB_AS_INDENT: "a tab is at its start; use spaces",
  TAG_RESOLVE_FAILED: "a tag (!name) is unknown; put quotes around a text that begins with !",
};

const doubledName: ErrorCode = "DUPLICATE_KEY";

/** The setting that names the settings file. */
export const fileOptions = inGroup("Settings file", {
  configFile: setting("--config <file>", text(1, 4_096), {
    help: "YAML file with settings under the names of their flags",
  }),
});

/** @param reasons a reason for each problem, without a full stop */
export function configFileProblems(path: string, reasons: readonly string[]): readonly string[] {
  return reasons.slice(0, mostProblems).map((reason) => `Cannot use --config ${path}: ${reason}.`);
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
 * Settings by the names of their flags, without the dashes. Switches are true or false; repeatable settings may be a list. Never throws: a file
 * that cannot be read has no values and a problem.
 */
export function readConfigFile<T extends OptionRows>(
  path: string,
  read: (path: string) => string,
  table: T,
  sections: ReadonlyMap<string, ReadSection> = new Map(),
): SettingsFile<keyof T & string> {
  const refused = (reasons: readonly string[]): SettingsFile<keyof T & string> => {
    return { path, values: new Map(), problems: configFileProblems(path, reasons) };
  };
  const lines = new LineCounter();
  const parsed = parse(path, read, lines);
  if ("reasons" in parsed) return refused(parsed.reasons);
  const { document } = parsed;
  const reasons = [...parsed.doubled];
  const lineOf = (node: Node): number => lines.linePos(node.range?.[0] ?? 0).line;
  const { contents } = document;
  // A file that contains only comments or `---` has no settings.
  const root = isScalar(contents) && contents.value === null ? null : contents;
  if (root !== null && !isMap<Node, Node | null>(root)) {
    return refused([`line ${lineOf(root)}: it must be settings, one \`name: value\` a line`]);
  }
  const rows = new Map(
    (Object.entries(table) as [keyof T & string, OptionRow][]).map(([key, row]) => [row.flag, { key, row }]),
  );
  const values = new Map<keyof T & string, FileValue>();
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
      const found = settingText(value, option.row, document);
      if ("problem" in found) reasons.push(`line ${line}: ${name} ${found.problem}`);
      else values.set(option.key, { ...found, line });
    }
  }
  return { path, values, problems: configFileProblems(path, reasons) };
}

/** Returns the document with a reason for each doubled name, or the reasons why it cannot be read. */
function parse(
  path: string,
  read: (path: string) => string,
  lineCounter: LineCounter,
):
  | { readonly document: Document.Parsed; readonly doubled: readonly string[] }
  | { readonly reasons: readonly string[] } {
  let source: string;
  try {
    source = read(path);
  } catch (error) {
    return { reasons: [errorReason(error)] };
  }
  if (source.length > maxFileChars) return { reasons: [`it has more than ${maxFileChars} characters`] };
  const document = parseDocument(source, { lineCounter, prettyErrors: false });
  const problems = [...document.errors, ...document.warnings];
  const reasons = problems.map(({ code, pos }) => {
    const { line } = lineCounter.linePos(pos[0]);
    if (code !== doubledName) return `line ${line}: ${yamlMistakes[code] ?? "this is not YAML"}`;
    const name = /^[^\s:]*/.exec(source.slice(pos[0], pos[0] + maxShownChars))?.[0] ?? "";
    return `line ${line}: ${name} is set twice`;
  });
  // A file with doubled names can be read, so its other mistakes are reported too.
  return problems.every(({ code }) => code === doubledName) ? { document, doubled: reasons } : { reasons };
}
