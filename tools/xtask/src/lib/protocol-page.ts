// Owns docs/protocol.md: the wire in tables for people, made from the same route tables, schemas and error table as the code.
import { markdownTable } from "@waggle/harness";
import {
  errorKinds,
  exitCodes,
  exitMeanings,
  hiveOpenApi,
  hiveRoutes,
  workerOpenApi,
  workerRouteGroups,
  type Route,
} from "@waggle/protocol";
import { schemaSection, type JsonSchema } from "./schema-tables.ts";

const introduction = `# The wire

<!-- Written by \`pnpm xtask docs\` from packages/protocol. Do not edit it: \`pnpm check\` compares the two. -->

What a worker and a hive say and understand. JSON is in snake_case. Native routes refuse unknown fields with 400; those of other dialects
ignore them, as their clients expect. The same contract as OpenAPI 3.1 is in [openapi.json](openapi.json) (the worker also serves it at \`/openapi.json\`) and [openapi-hive.json](openapi-hive.json).`;

const gateNote =
  "Routes marked open answer without a token, whatever the Host. Every other one may also answer `unauthenticated` and `forbidden`.";

const streamProse = `## A stream

Server-sent events: \`event: <type>\`, \`id: <index>\` on tokens (an \`end\` carries one past the last token's), and the JSON of the event as
\`data\`. With \`Accept: application/x-ndjson\` the same objects come one a line, and pings are empty lines.

The order is \`(queued | status)* started (token | status)* (end [DONE] | error)\`; a job may end before it started. There is exactly one
\`end\` or \`error\`. Token indexes are gapless from 0. After an \`error\` the connection is destroyed, never closed cleanly, so that no client
takes a broken stream for a finished one. A job that has said nothing when its engine dies begins again on the next one: its stream shows
\`loading\` and another \`thinking\`, and never a second \`started\`. One that has spoken says \`resuming\` and goes on there with the next
index, as if nothing had happened, or ends with \`engine_failed\` if it asked for that (\`on_engine_loss\`). \`[DONE]\` is on SSE only. A comment (\`: ping\`) is sent while there is nothing else to send.

While a job waits, \`queued\` says where it stands and, once a few jobs and prompts have been measured, when its first token is to be expected.
While a prompt is computed that takes more than one step, \`status\` says how far it is, a few times a second. \`started\` says how much of the
prompt was cached and, where anything had been cached for this client, at which text the prompt left it. The \`end\` of what was generated carries
a \`receipt\`: put the texts of all token events together, of one choice, and their SHA-256 is \`text_sha256\`. A \`deadline_ms\` that lies before
the estimate is refused at once with \`deadline_exceeded\` and \`details.estimate_ms\`; without an estimate no deadline is.

What answers \`messages\` falls into parts: each token event says with \`part\` whether its text is content (which is not said), a thought, or the
arguments of a tool call, as JSON; a call begins with an event of its own that has its name and id. A part ends where another begins, and nothing
is taken back. Markers of the model's format have no text. The \`end\` carries the \`message\` that the parts make, in the shape in which the
next request's history takes it; a call that the answer's end has cut says \`cut\`. What looked like a call and could not be read is content. The
answer to a plain \`prompt\` is text, with whatever markers it has.`;

/** The whole page. It ends with a newline. */
export function protocolPage(version: string): string {
  const worker = schemasOf(workerOpenApi(version));
  const hive = schemasOf(hiveOpenApi(version));
  const isEvent = (name: string): boolean => name.endsWith("Event");
  const sectionsOf = (schemas: Record<string, JsonSchema>, wanted: (name: string) => boolean): string[] =>
    Object.entries(schemas).flatMap(([name, schema]) => (wanted(name) ? [schemaSection(name, schema)] : []));
  const sections = [
    introduction,
    `## Routes of the worker\n\n${gateNote}`,
    ...workerRouteGroups.map(
      ({ tag, note = "", routes }) => `### ${tag}${note === "" ? "" : `\n\n${note}`}\n\n${routeTable(routes)}`,
    ),
    `## Routes of the hive\n\n${routeTable(hiveRoutes)}\n\nEvery route that is not open may also answer \`forbidden\`.`,
    streamProse,
    ...sectionsOf(worker, isEvent),
    "## What the worker takes and answers",
    ...sectionsOf(worker, (name) => !isEvent(name)),
    "## What the hive takes and answers",
    ...sectionsOf(hive, (name) => !(name in worker)),
    `## Errors\n\nAn answer that is not 2xx has the body [Error](#error) on native routes, and that of its dialect elsewhere; a probe that says no has its own body all the same.\n\n${errorTable()}`,
    `## Exit codes of the daemons\n\n${markdownTable(["code", "meaning"], exitCodeRows())}`,
  ];
  return `${sections.join("\n\n")}\n`;
}

function schemasOf(document: Record<string, unknown>): Record<string, JsonSchema> {
  return (document as { components: { schemas: Record<string, JsonSchema> } }).components.schemas;
}

function routeTable(routes: Readonly<Record<string, Route>>): string {
  const rows = Object.values(routes).map((route) => [
    `\`${route.method.toUpperCase()} ${route.path}\`${route.open === true ? " (open)" : ""}`,
    [route.summary, ...parameters(route)].join(" "),
    answer(route),
    route.errors.join(", "),
  ]);
  return markdownTable(["route", "what it does", "answer", "errors"], rows);
}

function parameters(route: Route): string[] {
  const query = Object.entries(route.query ?? {}).map(([name, text]) => `\`?${name}=\`: ${text}`);
  const headers = Object.entries(route.headers ?? {}).map(([name, text]) => `\`${name}\`: ${text}`);
  return [...query, ...headers];
}

function answer(route: Route): string {
  const body = route.stream ?? route.response;
  const id = body?.meta()?.id;
  const name = id === undefined ? (route.contentType ?? "") : `[${id}](#${id.toLowerCase()})`;
  return `${route.status} ${route.stream === undefined ? "" : "stream of "}${name}`.trim();
}

function errorTable(): string {
  const rows = Object.entries(errorKinds).map(([code, { status, type, retryable, when }]) => [
    `\`${code}\``,
    code === "slow_consumer" ? "stream only" : String(status),
    `\`${type}\``,
    retryable ? "yes" : "no",
    when,
  ]);
  return markdownTable(["code", "HTTP", "type", "retry", "when"], rows);
}

function exitCodeRows(): string[][] {
  const names = Object.keys(exitCodes) as (keyof typeof exitCodes)[];
  return names.map((name) => [String(exitCodes[name]), exitMeanings[name]]);
}
