// Reads the lines of a batch's input from its file, and checks the envelopes of all lines before the first one runs.
import { readLines } from "@waggle/async";
import type { BatchInput, BatchProblem, BatchRecord } from "./batch.ts";
import { createIdSet } from "./id-set.ts";
import type { BatchShape, LaneFront, Line } from "./lane-port.ts";

/** A place between two lines of the input. */
export interface InputPlace {
  readonly offset: number;
  /** Lines before it, with the blank ones. */
  readonly number: number;
}

export const inputStart: InputPlace = { offset: 0, number: 0 };

export interface InputOptions {
  readonly path: string;
  readonly record: BatchRecord;
  readonly shape: BatchShape;
  /** Limit of a line. */
  readonly maxLineBytes: number;
  readonly from?: InputPlace;
}

/** Lines of a batch; more are refused. */
const mostLines: Readonly<Record<BatchRecord["dialect"], number>> = { openai: 50_000, anthropic: 100_000 };
/** The check ends after this many problems. */
const mostProblems = 100;

/** Code of the problem that no line has a known model. */
export const modelNotFound = "model_not_found";

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Blank lines are left out. @throws Error of node:fs */
export async function* readInput(options: InputOptions): AsyncGenerator<[read: Line | BatchProblem, next: InputPlace]> {
  const { path, maxLineBytes: maxBytes, from = inputStart } = options;
  let { number } = from;
  for await (const { bytes, end } of readLines(path, { maxBytes, from: from.offset })) {
    number += 1;
    const read = lineOf(bytes, number, options);
    if (read !== undefined) yield [read, { offset: end, number }];
  }
}

function lineOf(bytes: Buffer | undefined, number: number, options: InputOptions): Line | BatchProblem | undefined {
  const problem = (code: string, message: string): BatchProblem => ({ code, message, param: null, line: number });
  if (bytes === undefined)
    return problem("line_too_large", `The line has more than ${options.maxLineBytes} bytes (--max-body).`);
  let text: string;
  try {
    // It also removes a byte order mark, and the CR of a CRLF.
    text = decoder.decode(bytes).trim();
  } catch {
    return problem("invalid_json_line", "The line is not valid UTF-8.");
  }
  if (text === "") return undefined;
  const read = options.shape.readLine(text, number, options.record);
  return "code" in read ? { ...read, line: number } : read;
}

/** Reads the whole input. @returns undefined if the signal aborts @throws Error of node:fs */
export async function checkInput(
  options: InputOptions,
  modelOf: LaneFront["model"],
  signal: AbortSignal,
): Promise<Extract<BatchInput, { type: "checked" | "refused" }> | undefined> {
  const { id, dialect } = options.record;
  const problems: BatchProblem[] = [];
  const refuse = (code: string, message: string, more: Partial<BatchProblem> = {}): unknown =>
    problems.push({ code, message, param: null, line: null, ...more });
  const ids = createIdSet(id);
  let total = 0;
  let firstModel: string | undefined;
  let hasOneModel = true;
  let unknown: string | undefined;
  let hasKnown = false;
  for await (const [read] of readInput(options)) {
    if (signal.aborted) return undefined;
    if (problems.length >= mostProblems) break;
    if ("code" in read) {
      problems.push(read);
      continue;
    }
    total += 1;
    if (total > mostLines[dialect]) {
      refuse("too_many_tasks", `The input has more than ${mostLines[dialect]} lines.`);
      break;
    }
    const { customId, number, model } = read;
    if (!ids.add(customId))
      refuse("duplicate_custom_id", `Another line has the custom_id "${customId}".`, {
        param: "custom_id",
        line: number,
      });
    const found = modelOf(model)?.name;
    const name = found ?? model ?? "";
    firstModel ??= name;
    hasOneModel &&= name === firstModel;
    if (found === undefined) unknown ??= model ?? "";
    else hasKnown = true;
  }
  if (total === 0 && problems.length === 0) refuse("empty_file", "The input has no lines.");
  else if (!hasKnown && dialect === "openai" && problems.length === 0)
    refuse(modelNotFound, unknownModel(unknown ?? ""), { param: "model" });
  if (problems.length > 0) return { type: "refused", problems };
  return { type: "checked", total, model: hasOneModel && hasKnown ? firstModel : undefined };
}

function unknownModel(name: string): string {
  return name === "" ? "The lines name no model, and there is no default model." : `Unknown model ${name}.`;
}
