// Changes settings of one model in a settings file: keeps all other settings and the comments.
import { lstatSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { SettingsError, configFileError } from "@waggle/daemon";
import { isAlias, isMap, isScalar, parseDocument, type Document, type Node, type Pair, type YAMLMap } from "yaml";
import { readWorkerFile } from "./config-file.ts";

export interface ModelEdit {
  /** The name or the path of the model, as the user gave it. */
  readonly wanted: string;
  /** Absolute path of the model's file. */
  readonly path: string;
  /** Values by the names of flags. */
  readonly settings: Readonly<Record<string, string | number>>;
}

/**
 * Returns the new text. A model of the section `models` gets the settings for itself. The only model of the setting `model` gets them as
 * settings of the file. Otherwise the model is added to `models`.
 * @param text the file's text; "" for a new file. Without settings the text stays as it is
 * @throws SettingsError naming the file, if it cannot be parsed or changed
 */
export function editSettings(file: string, text: string, edit: ModelEdit): string {
  check(file, text);
  const document = parseDocument(text);
  const target = targetOf(document, file, edit);
  if (Object.entries(edit.settings).every(([name, value]) => String(target.get(name)) === String(value))) return text;
  for (const [name, value] of Object.entries(edit.settings)) target.set(name, value);
  const edited = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  check(file, edited);
  return edited;
}

/** Reports the mistakes in the file, as at the start of a worker. @throws SettingsError */
function check(file: string, text: string): void {
  const { problems } = readWorkerFile(file, () => text);
  if (problems.length > 0) throw new SettingsError(problems);
}

interface Target {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
}

/** The map that has the model's settings. */
function targetOf(document: Document.Parsed, file: string, { wanted, path }: ModelEdit): Target {
  const model = document.get("model", true) as Node | undefined;
  if (model !== undefined) {
    if (isScalar(model) && isSame(model.value, path)) return document;
    throw configFileError(file, [
      `its setting model names other models than ${path}: name each model in the section models, so that each can have settings`,
    ]);
  }
  const models = document.get("models", true);
  if (!isMap<Node, Node | null>(models)) {
    const own = document.createNode({ model: path });
    document.set("models", document.createNode({ [newName(path, [])]: own }));
    return own as YAMLMap;
  }
  const pair = models.items.find(({ key, value }) => nodeText(key) === wanted || isSame(referenceOf(value), path));
  if (pair === undefined) {
    const own = document.createNode({ model: path });
    models.set(
      document.createNode(
        newName(
          path,
          models.items.map(({ key }) => nodeText(key)),
        ),
      ),
      own,
    );
    return own as YAMLMap;
  }
  return ownMapOf(pair, document, file);
}

/** A model with only a reference gets a map. */
function ownMapOf(pair: Pair<Node, Node | null>, document: Document, file: string): YAMLMap {
  const { key, value } = pair;
  if (isMap(value)) return value;
  if (!isScalar(value) || isAlias(value)) {
    throw configFileError(file, [`models.${nodeText(key)} is an alias of another entry: write its settings out`]);
  }
  const own = document.createNode({ model: value.value }) as YAMLMap;
  pair.value = own;
  return own;
}

function referenceOf(value: Node | null): unknown {
  const reference = isMap<Node, Node | null>(value) ? value.get("model", true) : value;
  return isScalar(reference) ? reference.value : undefined;
}

function isSame(reference: unknown, path: string): boolean {
  if (typeof reference !== "string") return false;
  const [, plain = reference] = /^[^=/\\:]+=(.+)$/s.exec(reference) ?? [];
  return resolve(plain) === path;
}

function nodeText(node: unknown): string {
  return isScalar(node) ? String(node.value) : "";
}

/** A name that no model of the file has. */
function newName(path: string, taken: readonly string[]): string {
  const base = basename(path)
    .replace(/\.gguf$/i, "")
    .replaceAll(/[=:\\]/g, "-");
  for (let count = 1; ; count++) {
    const name = count === 1 ? base : `${base}-${count}`;
    if (!taken.includes(name)) return name;
  }
}

/**
 * A worker that starts meanwhile reads the old file or the new one, and never a part.
 * @throws Error of node:fs
 */
export function writeSettings(file: string, text: string): void {
  // A link stays a link: its file is replaced.
  const target = lstatSync(file, { throwIfNoEntry: false }) === undefined ? file : realpathSync(file);
  const part = `${target}.${process.pid}.part`;
  const mode = statSync(target, { throwIfNoEntry: false })?.mode ?? 0o644;
  try {
    writeFileSync(part, text, { mode: mode & 0o777 });
    renameSync(part, target);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  }
}
