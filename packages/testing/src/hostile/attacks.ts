// Owns attacks of many connections: floods, storms, and connections left in every state. An attack runs in rounds, each with an end.
import { connect, type Socket } from "node:net";
import { linkSignals, sleep } from "@waggle/async";
import { allWorkerRoutes, tokenRouteLimits } from "@waggle/protocol";
import { ask, type HostileAnswer } from "./ask.ts";
import { hostileGrammars } from "./grammars.ts";
import { brokenBodies, fieldAttacks, wrongMethods, type HostileRequest } from "./requests.ts";
import { hostileSchemas, type HostileSchema } from "./schemas.ts";
import { hostileUploads } from "./uploads.ts";
import { largeBytes } from "./values.ts";

export interface Target {
  readonly url: string;
  /** Headers of every request, such as an access token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Aborts the round. */
  readonly signal: AbortSignal;
  /** Called with every answer. */
  readonly answered?: (request: HostileRequest, answer: HostileAnswer) => void;
}

export interface Attack {
  readonly name: string;
  /** @param round varies the attack */
  run(target: Target, round: number): Promise<void>;
}

const story = "Once upon a time there was a little dog. ";
const maxBodyBytes = 4_194_304;
/** When clients leave, in milliseconds after the sending. */
const momentsMs = [0, 1, 2, 5, 10, 20, 50, 100, 200, 400] as const;
const holdMs = 1_000;
/** A chunked body with one byte in each chunk. */
const singleBytes = Buffer.from("1\r\nx\r\n".repeat(100_000));
const turns = 150;
const turnMs = 15;

/** Requests that bring the schema to the compiler, one for each kind of field with a schema. */
export function schemaRequests({ name, write }: HostileSchema): readonly HostileRequest[] {
  const chat = `"messages":[{"role":"user","content":"Hi"}],"max_tokens":64`;
  const format = `{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":`;
  const tool = `{"type":"function","function":{"name":"f","strict":true,"parameters":`;
  const by = (path: string, where: string, body: (schema: string) => string): HostileRequest => ({
    name: `POST ${path} ${where}: ${name}`,
    method: "POST",
    path,
    body: () => body(write()),
  });
  return [
    by("/v1/inference", "json_schema", (schema) => `{"prompt":"Hi","max_tokens":64,"json_schema":${schema}}`),
    by("/v1/chat/completions", "response_format", (schema) => `{${chat},"response_format":${format}${schema}}}}`),
    by("/v1/chat/completions", "tools", (schema) => `{${chat},"tools":[${tool}${schema}}}],"tool_choice":"required"}`),
  ];
}

/** Requests that bring the grammar to the sampler, one for each dialect. */
function grammarRequests(grammar: string): readonly HostileRequest[] {
  const tail = `"max_tokens":64,"grammar":${JSON.stringify(grammar)}}`;
  return [
    json("/v1/inference", `{"prompt":"Once","ignore_eos":true,${tail}`, "as a native grammar"),
    json("/v1/chat/completions", `{"messages":[{"role":"user","content":"Hi"}],${tail}`, "as a chat's grammar"),
  ];
}

/** Attacks with many connections each. */
export const storms: readonly Attack[] = [
  {
    name: "clients that leave during the acceptance of their job",
    run: (target, round) =>
      many(24, async (index) => {
        const body = `{"messages":[{"role":"user","content":"${story.repeat(36)}"}],"max_tokens":1500,"ignore_eos":true,"n":${(index % 3) + 1}}`;
        // Clients leave 0 to 23 ms after the sending: before the body is read, after the job is queued, and at each millisecond in between.
        await leaveAfter(target, json("/v1/chat/completions", body, "left"), (round + index) % 24);
      }),
  },
  {
    name: "clients that leave soon after their request",
    run: (target, round) =>
      many(24, async (index) => {
        const body = `{"prompt":"${story}","max_tokens":400,"ignore_eos":true}`;
        const path = index % 4 === 0 ? "/v1/jobs" : "/v1/inference";
        await leaveAfter(target, json(path, body, "left"), momentsMs[(round + index) % momentsMs.length] ?? 0);
      }),
  },
  {
    name: "sessions whose jobs supersede each other",
    run: (target) =>
      many(4, async (session) => {
        // Does not wait for answers: the next job of a session arrives before the previous job has a slot.
        const leave = new AbortController();
        using signal = linkSignals(leave.signal, target.signal);
        const body = `{"prompt":"${story}","ignore_eos":true,"max_tokens":450,"session_id":"self-${session}"}`;
        const sent: Promise<void>[] = [];
        for (let turn = 0; turn < turns && !signal.aborted; turn += 1) {
          sent.push(say({ ...target, signal }, json("/v1/inference", body, "superseding")));
          await sleep(turnMs, { signal }).catch(() => {});
        }
        leave.abort();
        await Promise.all(sent);
      }),
  },
  {
    name: "clients that do not read their stream",
    run: (target) =>
      many(8, () => silent(target, post(target, `{"prompt":"${story}","ignore_eos":true,"max_tokens":480}`))),
  },
  {
    name: "bodies that are never completed",
    run: (target, round) =>
      many(20, (index) => {
        const sent = [largeBytes, 100_000, 10][(round + index) % 3];
        return silent(target, headOf(target, "/v1/chat/completions", maxBodyBytes), filling().subarray(0, sent));
      }),
  },
  {
    name: "bodies of single bytes",
    run: (target) => many(4, () => silent(target, headOf(target, "/v1/jobs", "chunked"), singleBytes)),
  },
  {
    name: "floods of embeddings",
    run: (target, round) =>
      many(4, () => {
        const inputs = Array.from({ length: 64 }, (_, index) => `${index} ${story.repeat((round % 30) + 8)}`);
        return say(target, json("/v1/embeddings", JSON.stringify({ input: inputs }), "64 embeddings"));
      }),
  },
  {
    name: "floods of text to tokenize",
    run: (target, round) =>
      many(4, () => {
        const text = [story, "a", "🐝", "\\n"][round % 4] ?? story;
        return say(target, toTokenize(text, round % 2 === 0));
      }),
  },
  {
    name: "long texts to tokenize whose client has left",
    run: async (target, round) => {
      await many(24, (index) => leaveAfter(target, toTokenize(story, false), 300 + ((round + index) % 24) * 10));
      // If the model still tokenizes for the clients that left, this client has to wait.
      await say(target, toTokenize(story, false));
    },
  },
  {
    name: "references to one large item",
    async run(target, round) {
      // The worker stores the item however the answer ends. For a streamed answer, the worker stores the item at the answer's start.
      const item = `{"type":"message","role":"user","id":"kept-${round}","content":"${"x".repeat(largeBytes)}"}`;
      await say(
        target,
        json("/v1/responses", `{"input":[${item}],"stream":true,"max_output_tokens":1}`, "a large item"),
      );
      const references = Array<string>(500).fill(`{"type":"item_reference","id":"kept-${round}"}`).join(",");
      for (const path of ["/v1/responses", "/v1/responses/input_tokens"]) {
        await say(target, json(path, `{"input":[${references}]}`, "500 references to a large item"));
      }
    },
  },
  {
    name: "storms of cancels",
    run: (target, round) =>
      many(24, async (index) => {
        const id = `storm-${round}-${index}`;
        const body = `{"prompt":"${story}","ignore_eos":true,"max_tokens":400,"job_id":"${id}","session_id":"${id}"}`;
        const cancels = ["jobs", "sessions", "jobs"].map((what) => ({
          name: `cancel of ${what}`,
          method: "DELETE",
          path: `/v1/${what}/${id}`,
        }));
        const job = say(target, json("/v1/jobs", body, "to be cancelled"));
        for (const cancel of cancels) await say(target, cancel);
        await job;
        await say(target, { name: "the last cancel", method: "DELETE", path: `/v1/jobs/${id}` });
      }),
  },
  {
    name: "bytes that are not HTTP",
    run: (target) =>
      many(8, (index) => {
        const bytes = [
          "\x16\x03\x01\x02\0\x01\0",
          "PRI * HTTP/2.0\r\n\r\n",
          "GET / HTTP/9.9\r\n\r\n",
          "\0".repeat(70_000),
        ];
        return silent(target, bytes[index % bytes.length] ?? "");
      }),
  },
];

/** The storms, and for each kind of hostile request an attack that sends one of them in each round. */
export function createAttacks(): readonly Attack[] {
  const routes = allWorkerRoutes;
  const fields = fieldAttacks(routes);
  return [
    stepping("small requests", [...fields.flatMap(({ small }) => small), ...wrongMethods(routes)]),
    stepping("large requests", [...fields.flatMap(({ large }) => large), ...brokenBodies(routes)]),
    stepping("uploads", hostileUploads),
    stepping(
      "grammars",
      hostileGrammars.flatMap(({ grammar }) => grammarRequests(grammar)),
    ),
    stepping("schemas", hostileSchemas.flatMap(schemaRequests)),
    ...storms,
  ];
}

/** Sends one request of the list in each round. The step is a prime, so that all requests are sent, and successive ones differ. */
function stepping(name: string, requests: readonly HostileRequest[]): Attack {
  return {
    name,
    async run(target, round) {
      const request = requests[(round * 7_919) % requests.length];
      if (request !== undefined) await say(target, request);
    },
  };
}

function json(path: string, body: string, what: string): HostileRequest {
  return { name: `POST ${path}: ${what}`, method: "POST", path, body: () => body };
}

async function many(count: number, one: (index: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, index) => one(index)));
}

/** Sends a request and reports the whole answer. An aborted round reports no answer and throws no error. */
async function say({ url, headers = {}, signal, answered }: Target, request: HostileRequest): Promise<void> {
  try {
    answered?.(request, await ask(url, request, { headers, signal }));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** A request to tokenize the longest text that the worker accepts. */
function toTokenize(text: string, withPieces: boolean): HostileRequest {
  const most = withPieces ? tokenRouteLimits.tokenizePiecesChars : tokenRouteLimits.tokenizeChars;
  const content = text.repeat(Math.floor(most / text.length));
  return json("/tokenize", `{"content":"${content}","with_pieces":${withPieces}}`, "a text to tokenize");
}

async function leaveAfter(target: Target, request: HostileRequest, ms: number): Promise<void> {
  const leave = new AbortController();
  using signal = linkSignals(leave.signal, target.signal);
  const timer = setTimeout(() => leave.abort(), ms);
  // A client that leaves reports no answer.
  await say({ ...target, signal, answered: () => {} }, request);
  clearTimeout(timer);
}

function headOf({ url, headers = {} }: Target, path: string, body: number | "chunked"): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const host = `Host: ${new URL(url).host}\r\n${lines.join("")}`;
  const framing = body === "chunked" ? "Transfer-Encoding: chunked" : `Content-Length: ${body}`;
  return `POST ${path} HTTP/1.1\r\n${host}Content-Type: application/json\r\n${framing}\r\n\r\n`;
}

function post(target: Target, body: string): string {
  return headOf(target, "/v1/inference", Buffer.byteLength(body)) + body;
}

let filled: Buffer | undefined;

/** The start of a large body, shared because hundreds of connections hold it at the same time. */
function filling(): Buffer {
  filled ??= Buffer.from(`{"messages":[{"role":"user","content":"${"x".repeat(largeBytes)}`);
  return filled;
}

/** Writes the bytes over a new socket, reads nothing, and closes after a second or when the server closes. */
async function silent({ url, signal }: Target, head: string, rest: Buffer = Buffer.alloc(0)): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket: Socket = connect({ host: hostname, port: Number(port) });
  socket.pause();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {});
  socket.write(head, "latin1");
  socket.write(rest);
  const held = sleep(holdMs, { signal }).catch(() => {});
  await Promise.race([held, closed]);
  socket.destroy();
}
