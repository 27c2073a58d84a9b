// Generates random requests to the worker's routes, most of them invalid, as a hostile or broken client might send them.
import { streamDialects } from "@waggle/testing/harness";
import { workerRouteGroups } from "@waggle/protocol";
import { bodyFields } from "@waggle/testing/hostile";
import fc from "fast-check";

/** Part of every prompt, so that tests can find answers and logs that repeat a prompt. */
export const canary = "c4n4ry-honey";

export interface BrokenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
}

const encoder = new TextEncoder();
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom(
    "",
    " ",
    "\0",
    "\uFEFF",
    "\uD83D",
    "\uDC1D",
    "🐝".repeat(50),
    "x".repeat(5_000),
    "../../etc/passwd",
    "%00",
    "{{7*7}}",
  ),
);

/** JSON texts, because JSON.stringify would write most of these numbers in a valid form. */
const numberText = fc.constantFrom(
  ...[
    "0",
    "-0",
    "-1",
    "1e999",
    "-1e999",
    "1e-999",
    "9007199254740993",
    "123456789012345678901234567890",
    "0.1",
    "4294967296",
  ],
  ...["2147483648", "-2147483649", "1E400", "0x10", "01", "1_000", "NaN", "Infinity", "+1", ".5", "5."],
);
const deepText = fc
  .tuple(fc.constantFrom("[", '{"a":', '{"__proto__":', "[[],"), fc.constantFrom(2, 50, 1_000, 12_000), fc.boolean())
  .map(
    ([open, depth, closes]) =>
      `${open.repeat(depth)}1${closes ? (open.startsWith("[") ? "]" : "}").repeat(depth) : ""}`,
  );
const valueText = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
  text.map((value) => JSON.stringify(value)),
  numberText,
  deepText,
  fc.constantFrom("true", "false", "null", "undefined", '"\\ud800"', "[]", "{}", '{"__proto__":{"polluted":true}}'),
);

/** A route with a request body, in any dialect. */
interface Target {
  readonly path: string;
  /** Members of a valid body, which asks for a short answer. */
  readonly sound: readonly [name: string, json: string][];
  /** Names of the other members that the body may have. */
  readonly names: readonly string[];
}

/** Grouped by dialect, so that a dialect with many routes is not chosen more often. */
const targets: readonly (readonly Target[])[] = workerRouteGroups
  .map(({ routes }) =>
    Object.values(routes).flatMap(({ path, method, request }) => {
      if (request === undefined || method !== "post") return [];
      const fields = bodyFields(request);
      const names = fields.map((field) => field.path).filter((name) => /^\w+$/.test(name));
      const dialect = streamDialects.find((one) => one.path === path);
      const least = (): object => JSON.parse(fields[0]?.sound ?? "{}") as object;
      const asked = { model: "fake", prompt: `${canary} [eog:3]`, maxTokens: 4 };
      const sound = Object.entries(dialect?.body(asked) ?? least());
      return [{ path, names, sound: sound.map(([name, value]): [string, string] => [name, JSON.stringify(value)]) }];
    }),
  )
  .filter((found) => found.length > 0);

const keyText = (names: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...names) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", "length"],
      ),
    },
    { weight: 1, arbitrary: text },
  );

/** A valid body with members that are added, repeated or overwritten. */
const spoiltRequest = ({ sound, names }: Target): fc.Arbitrary<string> =>
  fc.array(fc.tuple(keyText(names), valueText), { maxLength: 4 }).map((entries) => {
    const members = [...sound, ...entries].filter(([, value]) => value !== undefined);
    return `{${members.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join()}}`;
  });
const spoiltMessages = fc
  .array(
    fc.record({
      role: fc.oneof(fc.constantFrom("user", "system", "tool", "__proto__"), text),
      content: fc.oneof(text, fc.jsonValue()),
    }),
    { maxLength: 5 },
  )
  .map((messages) => JSON.stringify({ messages, max_tokens: 2, deadline_ms: 50 }));

const body = (of: Target): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 5, arbitrary: spoiltRequest(of).map((json) => encoder.encode(json)) },
    { weight: 2, arbitrary: spoiltMessages.map((json) => encoder.encode(json)) },
    { weight: 2, arbitrary: valueText.map((json) => encoder.encode(json)) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(spoiltRequest(of), fc.nat())
        .map(([json, cut]) => encoder.encode(json.slice(0, cut % (json.length + 1)))),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        new Uint8Array(),
        encoder.encode("\uFEFF{}"),
        encoder.encode(`{"prompt":"${"x".repeat(100_000)}"}`),
      ),
    },
  );

/** Replaces lone surrogates, at which encodeURIComponent throws. */
const wellFormed = (value: string): string => Buffer.from(value).toString();
const pathPart = fc.oneof(
  text.map((value) => encodeURIComponent(wellFormed(value))),
  fc.constantFrom(
    "..",
    ".",
    "%00",
    "%ZZ",
    "%",
    "%E0%A4%A",
    "%2F%2e%2e",
    ":id",
    "*",
    "a".repeat(3_000),
    "__proto__",
    "~",
    "'\"<>",
  ),
);
const query = fc.oneof(
  fc.constantFrom(
    "",
    "?",
    "?after",
    "?after=",
    "?after=-2",
    "?after=1e9",
    "?after=99999999999999999999",
    "?after=1&after=x",
    "?%",
    "?a[]=1",
  ),
  pathPart.map((value) => `?after=${value}`),
);
const lostPath = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(pathPart, query).map(([id, tail]) => `/v1/jobs/${id}/stream${tail}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...["/v1/jobs/", "/v1/sessions/", "/v1/", "/", "//", "/v1//jobs/", "/api/", "/v1/messages/"]),
        pathPart,
        query,
      )
      .map((parts) => parts.join("")),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "/v1/info",
      "/v1/slots",
      "/metrics",
      "/health",
      "/openapi.json",
      "/v1/loading/progress",
      "/v1/jobs/",
    ),
  },
);

const headerText = fc.oneof(
  fc.string({ maxLength: 60 }).map((value) => value.replaceAll(/[^\x20-\x7e]/g, "")),
  fc.constantFrom(
    "",
    "null",
    "*",
    "a".repeat(4_000),
    "application/x-ndjson",
    "text/event-stream;q=0",
    "http://evil.example",
    "-1",
    "1.5",
    "💥",
  ),
);
const headerName = fc.constantFrom(
  ...[
    "host",
    "origin",
    "accept",
    "content-type",
    "content-encoding",
    "last-event-id",
    "x-request-id",
    "authorization",
    "cookie",
  ],
  ...["if-none-match", "range", "x-http-method-override", "x-session-id", "__proto__"],
);
const headers = fc
  .array(fc.tuple(headerName, headerText), { maxLength: 3 })
  .map((pairs) =>
    Object.fromEntries(pairs.map(([name, value]) => [name, Buffer.from(value).toString("latin1").trim()])),
  );

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant("POST") },
  { weight: 3, arbitrary: fc.constantFrom("GET", "DELETE") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "SEARCH", "QUERY"),
  },
);

const requestTo = (of: Target): fc.Arbitrary<BrokenRequest> =>
  fc.record({
    method,
    path: fc.oneof({ weight: 4, arbitrary: fc.constant(of.path) }, { weight: 5, arbitrary: lostPath }),
    headers: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: headers }),
    body: fc.option(body(of), { nil: undefined, freq: 8 }),
  });

/** Requests that an HTTP client library can send, to every dialect. */
export const brokenRequest: fc.Arbitrary<BrokenRequest> = fc
  .oneof(
    ...targets.map((routes) => ({
      // Only this route answers 202, and its dialect has the most routes.
      weight: routes.some(({ path }) => path === "/v1/jobs") ? 5 : 1,
      arbitrary: fc.oneof(...routes.map(requestTo)),
    })),
  )
  .map((request) => (["GET", "HEAD", "TRACE"].includes(request.method) ? { ...request, body: undefined } : request));

const requestLine = fc.oneof(
  fc.constantFrom(
    ...[
      "GET / HTTP/1.1",
      "GET  /health  HTTP/1.1",
      "get /health HTTP/1.1",
      "GET /health HTTP/9.9",
      "GET /health",
      "BREW /pot HTTP/1.1",
    ],
    ...[
      "CONNECT evil.example:443 HTTP/1.1",
      "OPTIONS * HTTP/1.1",
      "GET http://evil.example/v1/info HTTP/1.1",
      "GET /\0 HTTP/1.1",
    ],
    ...[
      "POST /v1/jobs HTTP/1.1",
      "POST /v1/inference HTTP/1.0",
      "GET \\v1\\jobs HTTP/1.1",
      "GET //[::1 HTTP/1.1",
      "GET /v1/ info HTTP/1.1",
    ],
    ...["PRI * HTTP/2.0", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", ""],
  ),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.oneof(lostPath, ...targets.flat().map(({ path }) => fc.constant(path))).map((path) => `POST ${path} HTTP/1.1`),
);
const rawHeader = fc.oneof(
  fc.constantFrom(
    ...["Host: 127.0.0.1", "Host: 127.0.0.1\r\nHost: evil.example", "Host:", "Host: evil.example", "Host: [::1"],
    ...[
      "Content-Length: -1",
      "Content-Length: 5",
      "Content-Length: 99999999999999999999",
      "Content-Length: 0x10",
      "Content-Length: 5, 6",
    ],
    ...[
      "Content-Length: 5\r\nContent-Length: 6",
      "Content-Length: 5\r\nTransfer-Encoding: chunked",
      "Transfer-Encoding: gzip, chunked",
    ],
    ...[
      "Transfer-Encoding: chunked",
      "Transfer-Encoding: chunked, identity",
      "Expect: 100-continue",
      "Expect: the-unexpected",
    ],
    ...[
      "Connection: Upgrade\r\nUpgrade: websocket",
      "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
      "Connection: close",
    ],
    ...[
      " folded: header",
      "no colon",
      ": no name",
      "X\0: nul",
      `X-Long: ${"a".repeat(20_000)}`,
      "Trailer: X",
      "TE: trailers",
    ],
  ),
  fc.string({ unit: "binary", maxLength: 60 }),
);
const rawBody = fc.oneof(
  fc.constantFrom(
    "",
    "{}",
    "5\r\nhello\r\n0\r\n\r\n",
    "zz\r\nhello\r\n",
    "ffffffffffffffff\r\n",
    "-1\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    '{"prompt":"x"}',
  ),
  fc.string({ unit: "binary", maxLength: 200 }),
);

/** Malformed HTTP that only a raw socket can send. */
export const brokenBytes: fc.Arbitrary<Uint8Array> = fc
  .tuple(requestLine, fc.array(rawHeader, { maxLength: 4 }), rawBody, fc.constantFrom("\r\n", "\n", "\r"), fc.boolean())
  .map(([line, lines, rest, eol, sound]) =>
    Buffer.from([line, ...(sound ? ["Host: 127.0.0.1"] : []), ...lines, "", rest].join(eol), "latin1"),
  );
