// Judges a client's run: its calls, the result of its tool, its last text, and its clean exit. Pure.
import type { Call } from "./recording-proxy.ts";
import { answerWith, summaryRequest, type Client, type PictureFile } from "./clients.ts";

export interface ClientRun {
  readonly client: Client;
  readonly version: string;
  readonly word: string;
  readonly calls: readonly Call[];
  /** The client's last text; undefined when it wrote no text, for the reason in `textFault`. */
  readonly text: string | undefined;
  readonly textFault?: string;
  readonly exit: string;
  /** Prompt tokens of each request for an answer. */
  readonly promptLengths: readonly number[];
  /** Prompt tokens that the worker computed, because its cache did not have them. */
  readonly computedTokens: number;
  readonly encodedPictures: number;
  readonly seconds: number;
  /** Processes and ports that were left after the client's exit. */
  readonly left: readonly string[];
}

/** The worker may compute at most this multiple of the longest prompt, because the prompts of a conversation share a prefix. */
const computedAllowance = 1.1;
const exitedWell = "left with exit code 0";

/** Returns a clause for each fault; empty when the run has passed. */
export function faultsOf(run: ClientRun): string[] {
  const { client, calls, text, textFault, word, exit, left, promptLengths, computedTokens } = run;
  const pictures = client.pictures?.(word) ?? [];
  const asked = calls.filter(({ what }) => client.asks.includes(what));
  const last = asked.at(-1)?.body ?? "";
  const asks = counted(asked.map(({ what }) => what));
  const due = counted(client.asks);
  const failed = calls.filter(({ status, what }) => status >= 500 || (status !== 200 && client.asks.includes(what)));
  const summaries = calls.filter(({ body }) => summaryRequest.test(body)).length;
  const beganAlike = computedTokens <= Math.max(0, ...promptLengths) * computedAllowance;
  const faults = [
    ...(asks === due || client.compacts ? [] : [`it sent ${asks} instead of ${due}`]),
    ...(summaries === 1 || !client.compacts ? [] : [`it requested ${summaries} summaries of its conversation`]),
    ...calls.flatMap(({ fault = [] }) => fault),
    ...failed.map(({ what, status }) => `${what} was answered with ${status}`),
    ...(client.asks.length < 2 || client.pictures !== undefined || last.includes(word)
      ? []
      : ["its last request did not contain the tool's result"]),
    ...pictures.flatMap((picture) => placeFaults(picture, last)),
    ...(run.encodedPictures === pictures.length
      ? []
      : [`the worker encoded ${run.encodedPictures} pictures instead of ${pictures.length}`]),
    ...(beganAlike || client.compacts || client.kind ? [] : ["its prompts did not share a prefix"]),
    ...(text === answerWith(word)
      ? []
      : [text === undefined ? String(textFault) : `its text was ${JSON.stringify(text)}`]),
    ...(exit === exitedWell ? [] : [`it ${exit}`]),
    ...(client.staysBehind ? [] : left),
  ];
  return [...new Set(faults)];
}

function placeFaults({ name, bytes, place }: PictureFile, body: string): string[] {
  const base64 = Buffer.from(bytes).toString("base64");
  if (!body.includes(base64)) return [`its last request did not contain ${name}`];
  const found = findValue(base64, JSON.parse(body));
  return found === place ? [] : [`${name} was in ${found} instead of ${place}`];
}

/** The types of the objects around the first string that ends with `text`; undefined without such a string. */
function findValue(text: string, value: unknown): string | undefined {
  if (typeof value === "string") return value.endsWith(text) ? "" : undefined;
  if (typeof value !== "object" || value === null) return undefined;
  const inner = Object.values(value).flatMap((part) => findValue(text, part) ?? [])[0];
  const { type } = value as { readonly type?: unknown };
  if (inner === undefined || typeof type !== "string") return inner;
  return inner === "" ? type : `${type} > ${inner}`;
}

/** Formats repeated requests, such as "POST /v1/messages, 2 times". */
function counted(asks: readonly string[]): string {
  const each = [...new Set(asks)].map((ask) => `${ask}, ${asks.filter((other) => other === ask).length} times`);
  return each.join(", ") || "nothing";
}

/** Formats the run as one line: the client, its output, and whether the run has passed. */
export function lineOf(run: ClientRun): string {
  const { client, version, calls, text, seconds, promptLengths, computedTokens } = run;
  const faults = faultsOf(run);
  const verdict = faults.length === 0 ? "PASSED" : `FAILED: ${faults.join("; ")}`;
  const written = text === undefined ? "no text" : `text ${JSON.stringify(text.slice(0, 200))}`;
  const lengths = client.kind ? [] : [`${promptLengths.join(" and ")} tokens of prompt`];
  const prompts = [...lengths, `${computedTokens} computed`].join(", ");
  const encoded = client.pictures === undefined ? [] : [`${run.encodedPictures} pictures encoded`];
  const counts = [`${calls.length} calls`, ...encoded, prompts];
  const figures = [clientKind(client), ...counts, written, `${seconds.toFixed(1)} s`].join(", ");
  return `${client.title} ${version}: ${figures}: ${verdict}`;
}

function clientKind({ asks, compacts, kind, pictures }: Client): string {
  if (kind) return kind;
  if (compacts) return "a conversation that is compacted";
  if (pictures !== undefined) return "a conversation with pictures";
  return asks.length > 1 ? "one prompt and one tool's round trip" : "one prompt";
}

/** Formats a call, such as "POST /v1/messages?beta=true, 48598 bytes from claude-cli/2.1.330: 200". */
export function callLine({ what, target, bodyBytes, userAgent, status }: Call): string {
  const method = what.split(" ", 1)[0] as string;
  return `${method} ${target}, ${bodyBytes} bytes from ${userAgent}: ${status === 0 ? "no answer" : status}`;
}
