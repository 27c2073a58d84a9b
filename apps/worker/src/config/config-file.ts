// Owns the settings file: YAML in, for each setting the text that its flag would have. It does not know what a setting takes; that is
// decided where flags and variables are, once for all of them.
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Document, Node, Scalar } from "yaml";
import { optionRows } from "./option-table.ts";
import type { OptionKey } from "./option-table.ts";
import { booleanValue, type OptionRow } from "./option-row.ts";

/** Hundreds of models' settings; what is longer was not written for us. */
const maxFileChars = 1_048_576;
/** Beyond this a file says so, and no more. */
const mostProblems = 20;
const maxShownChars = 80;

export interface ConfigFile {
  readonly path: string;
  readonly values: ReadonlyMap<OptionKey, FileValue>;
  /** What stands under `models`, as plain data; undefined where nothing does. */
  readonly models: { readonly value: unknown; readonly line: number } | undefined;
}

export interface FileValue {
  /** As the flag would have it. */
  readonly text: string;
  /** Counted from 1. */
  readonly line: number;
}

export class ConfigFileError extends Error {
  override readonly name = "ConfigFileError";
  /** Whole sentences that name the file, the line and the setting. */
  readonly problems: readonly string[];

  constructor(path: string, reasons: readonly string[]) {
    const problems = reasons.slice(0, mostProblems).map((reason) => `Cannot use --config ${path}: ${reason}.`);
    super(problems.join("\n"));
    this.problems = problems;
  }
}

const rowsByName: ReadonlyMap<string, readonly [OptionKey, OptionRow]> = new Map(
  optionRows.map((entry) => [entry[1].flag, entry]),
);
/** Nested: it is handed on as it stands. */
const modelsName = "models";
const ownName = "config";

/**
 * Settings by the names of their flags, without the dashes. Switches are true or false; what may be repeated may be a list.
 * @throws ConfigFileError
 */
export function readConfigFile(path: string, read: (path: string) => string): ConfigFile {
  const lines = new LineCounter();
  const document = parse(path, read, lines);
  const lineOf = (node: Node): number => lines.linePos(node.range?.[0] ?? 0).line;
  const { contents } = document;
  // A file of comments alone, or of `---`.
  const root = isScalar(contents) && contents.value === null ? null : contents;
  const values = new Map<OptionKey, FileValue>();
  const reasons: string[] = [];
  let models: ConfigFile["models"];
  if (root !== null && !isMap<Node, Node | null>(root)) {
    throw new ConfigFileError(path, [`line ${lineOf(root)}: it must be settings, one \`name: value\` a line`]);
  }
  for (const { key, value } of root?.items ?? []) {
    const line = lineOf(key);
    const name = isScalar(key) ? String(key.value) : "";
    const [option, row] = rowsByName.get(name) ?? [];
    if (name === modelsName) models = { value: dataOf(value, document, path, line), line };
    else if (name === ownName) reasons.push(`line ${line}: config cannot be set in the file itself`);
    else if (option === undefined || row === undefined) {
      reasons.push(`line ${line}: there is no setting ${JSON.stringify(name.slice(0, maxShownChars))}`);
    } else {
      const text = textOf(value, row, document);
      if ("problem" in text) reasons.push(`line ${line}: ${name} ${text.problem}`);
      else values.set(option, { ...text, line });
    }
  }
  if (reasons.length > 0) throw new ConfigFileError(path, reasons);
  return { path, values, models };
}

/** @throws ConfigFileError on aliases that would grow beyond all bounds */
function dataOf(node: Node | null, document: Document, path: string, line: number): unknown {
  try {
    return node?.toJS(document);
  } catch (error) {
    throw new ConfigFileError(path, [`line ${line}: ${modelsName}: ${reasonOf(error)}`]);
  }
}

function parse(path: string, read: (path: string) => string, lineCounter: LineCounter): Document.Parsed {
  let text: string;
  try {
    text = read(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new ConfigFileError(path, [missing ? "there is no such file" : reasonOf(error)]);
  }
  if (text.length > maxFileChars) throw new ConfigFileError(path, [`it has more than ${maxFileChars} characters`]);
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const reasons = [...document.errors, ...document.warnings].map(({ code, message, pos }) => {
    const { line } = lineCounter.linePos(pos[0]);
    if (code !== "DUPLICATE_KEY") return `line ${line}: not YAML: ${message.replace(/\.$/, "")}`;
    const name = /^[^\s:]*/.exec(text.slice(pos[0], pos[0] + maxShownChars))?.[0] ?? "";
    return `line ${line}: ${name} stands twice`;
  });
  if (reasons.length > 0) throw new ConfigFileError(path, reasons);
  return document;
}

type Text = { readonly text: string } | { readonly problem: string };

function textOf(node: Node | null, row: OptionRow, document: Document): Text {
  const value = isAlias(node) ? node.resolve(document) : node;
  if (value === undefined || value === null) return { problem: "has no value" };
  if (isScalar(value)) return scalarText(value, row);
  if (!isSeq<Node>(value)) return { problem: "takes no settings of its own" };
  const { repeatable } = row;
  if (repeatable === undefined) return { problem: "takes one value, not a list" };
  const items = value.items.map((item) =>
    isScalar(item) ? scalarText(item, row) : { problem: "takes a list of texts" },
  );
  const bad = items.find((item) => "problem" in item);
  if (bad !== undefined) return bad;
  const texts = items.flatMap((item) => ("text" in item ? [item.text] : []));
  if (texts.length === 0) return { problem: "has an empty list: leave it out" };
  if (texts.some((text) => text.includes(repeatable))) {
    return { problem: `has ${repeatable === "," ? "a comma" : "a line break"} in an item: make it several` };
  }
  return { text: texts.join(repeatable) };
}

/** A number is handed on as it was written: 007 and 1e3 are the setting's to judge. */
function scalarText({ value, source }: Scalar, row: OptionRow): Text {
  if (value === null) return { problem: "has no value" };
  if (row.value === undefined) {
    return typeof value === "boolean" ? { text: String(value) } : { problem: "must be true or false" };
  }
  if (typeof value === "boolean" && row.value === booleanValue) return { text: String(value) };
  if (typeof value === "boolean") return { problem: `must be ${row.value}, not ${value}; put quotes around a text` };
  if (typeof value === "string") return { text: value };
  return typeof value === "number" ? { text: source ?? String(value) } : { problem: "must be a text or a number" };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
