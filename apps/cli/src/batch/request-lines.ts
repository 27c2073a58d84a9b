// Reads the lines of a batch from a file, and completes short lines to lines in OpenAI's form.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createNdjsonDecoder, encodeNdjson, NdjsonError } from "@waggle/protocol/sse";
import { CliError, exitCodes, wrongUse } from "../cli-error.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface LineSource {
  readonly path: string;
  /** Path of the route that answers the lines. */
  readonly endpoint: string;
  /** Fields of every request, which a line may replace. Its `messages` come before those of a line. */
  readonly shared: Fields;
  readonly signal: AbortSignal;
}

/** A larger line is no request, but a file without newlines. */
const maxLineBytes = 64 * 2 ** 20;
/** OpenAI's limit, which is also the server's. */
const maxFileBytes = 200 * 2 ** 20;

/** The field with the text, for a request that is written as a string. */
const textFields: Readonly<Record<string, string>> = {
  "/v1/completions": "prompt",
  "/v1/responses": "input",
  "/v1/embeddings": "input",
};

/**
 * The lines in OpenAI's form, in pieces of a few KiB to a MiB.
 * @throws CliError naming the line that cannot be used; the error of the file; the signal's reason
 */
export async function* requestLines(source: LineSource): AsyncGenerator<Uint8Array> {
  const { path, signal } = source;
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let count = 0;
  let ready = "";
  const decoder = createNdjsonDecoder((value) => (ready += encodeNdjson(lineOf(value, (count += 1), source))), {
    maxLineBytes,
  });
  const take = (): Uint8Array => {
    const piece = Buffer.from(ready);
    ready = "";
    return piece;
  };
  try {
    for await (const bytes of createReadStream(path)) {
      signal.throwIfAborted();
      decoder.feed(utf8.decode(bytes as Buffer, { stream: true }));
      if (ready !== "") yield take();
    }
    decoder.feed(utf8.decode());
    decoder.end();
    if (ready !== "") yield take();
  } catch (error) {
    if (error instanceof NdjsonError) {
      const problem = error.reason === "limit" ? `larger than ${maxLineBytes / 2 ** 20} MiB` : "not JSON";
      throw unusable(path, `line ${error.line} is ${problem}`);
    }
    if (error instanceof TypeError) throw unusable(path, "it is not UTF-8 text");
    throw error;
  }
}

/**
 * A hash that is the same for the same requests to the same model.
 * @throws as `requestLines`, and for a file that is empty or too large
 */
export async function digestOf(source: LineSource, model: string | undefined): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([source.endpoint, model]));
  let bytes = 0;
  for await (const piece of requestLines(source)) {
    bytes += piece.byteLength;
    hash.update(piece);
  }
  if (bytes === 0) throw unusable(source.path, "it has no lines");
  if (bytes > maxFileBytes) {
    const [has, most] = [bytes, maxFileBytes].map((one) => Math.ceil(one / 2 ** 20));
    throw unusable(source.path, `its requests have ${has} MiB, and a batch has at most ${most}. Split the file`);
  }
  return hash.digest("hex");
}

/** @param value a string: a prompt; an object with `body`: a line, which may lack other fields; any other object: a body */
function lineOf(value: unknown, number: number, source: LineSource): Fields {
  const fields: Fields = isFields(value) && "body" in value ? value : { body: value };
  const { custom_id = String(number), method = "POST", url = source.endpoint, body, ...others } = fields;
  return { custom_id, method, url, body: bodyOf(body, number, source), ...others };
}

function bodyOf(value: unknown, number: number, { path, endpoint, shared }: LineSource): Fields {
  const body = typeof value === "string" ? textBody(value, endpoint) : value;
  if (!isFields(body)) {
    const wanted =
      endpoint === "/v1/chat/completions" || endpoint in textFields ? "a string or an object" : "an object";
    throw wrongUse(`Cannot use ${path}: request ${number} must be ${wanted} for ${endpoint}.`);
  }
  const [first, last] = [shared["messages"], body["messages"]];
  const messages =
    Array.isArray(first) && Array.isArray(last) ? { messages: [...(first as unknown[]), ...(last as unknown[])] } : {};
  return { ...shared, ...body, ...messages };
}

function textBody(text: string, endpoint: string): Fields | undefined {
  if (endpoint === "/v1/chat/completions") return { messages: [{ role: "user", content: text }] };
  const field = textFields[endpoint];
  return field === undefined ? undefined : { [field]: text };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unusable(path: string, reason: string): CliError {
  return new CliError(`Cannot use ${path}: ${reason}.`, exitCodes.fileUnusable);
}
