// Owns the settings file: YAML in, for each setting the text that its flag would have. It does not know what a setting takes; that is
// decided where flags and variables are, once for all of them.
import { reasonOf } from "@waggle/terminal";
import { LineCounter, isMap, isScalar, parseDocument } from "yaml";
import type { Document, Node } from "yaml";
import { readFileModels } from "./file-models.ts";
import type { FileModel } from "./file-models.ts";
import { textOf } from "./file-values.ts";
import type { FileValue } from "./file-values.ts";
import { optionRows } from "./option-table.ts";
import type { OptionKey } from "./option-table.ts";
import type { OptionRow } from "@waggle/daemon";

/** Hundreds of models' settings; what is longer was not written for us. */
const maxFileChars = 1_048_576;
/** Beyond this a file says so, and no more. */
const mostProblems = 20;
const maxShownChars = 80;

export interface ConfigFile {
  readonly path: string;
  readonly values: ReadonlyMap<OptionKey, FileValue>;
  /** Those that stand under `models`; undefined where nothing does. */
  readonly models: readonly FileModel[] | undefined;
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
/** The one setting with settings of its own: each model's. */
const modelsName = "models";
const ownName = "config";

/**
 * Settings by the names of their flags, without the dashes. Switches are true or false; what may be repeated may be a list. Under `models` each
 * model has its own.
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
    if (name === modelsName) {
      const found = readFileModels(value, { document, line, lineOf });
      models = found.models;
      reasons.push(...found.reasons);
    } else if (name === ownName) reasons.push(`line ${line}: config cannot be set in the file itself`);
    else if (option === undefined || row === undefined) {
      reasons.push(`line ${line}: there is no setting ${JSON.stringify(name.slice(0, maxShownChars))}`);
    } else {
      const text = textOf(value, row, document);
      if ("problem" in text) reasons.push(`line ${line}: ${name} ${text.problem}`);
      else values.set(option, { ...text, line });
    }
  }
  if (models !== undefined && values.has("models")) reasons.push("model and models cannot both be set");
  if (reasons.length > 0) throw new ConfigFileError(path, reasons);
  return { path, values, models };
}

function parse(path: string, read: (path: string) => string, lineCounter: LineCounter): Document.Parsed {
  let text: string;
  try {
    text = read(path);
  } catch (error) {
    throw new ConfigFileError(path, [reasonOf(error)]);
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
