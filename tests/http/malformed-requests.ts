// Makes malformed requests: hostile values in every field of every route, paths and headers that no route has, and bytes that are not HTTP.
import { allWorkerRoutes } from "@waggle/protocol";
import { brokenBodies, fieldAttacks, smallValues, wrongMethods, type HostileRequest } from "@waggle/testing/hostile";
import fc from "fast-check";

/** Part of every prompt, so that tests can find answers and logs that repeat a prompt. */
export const canary = "c4n4ry-honey";

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

/** `constantFrom` takes no more values than a call has arguments. */
const oneOf = <T>(values: readonly T[]): fc.Arbitrary<T> =>
  fc.nat(values.length - 1).map((index) => values[index] as T);

const lostRequest: fc.Arbitrary<HostileRequest> = fc
  .record({ method, path: lostPath, headers, value: oneOf(smallValues) })
  .map(({ value, ...request }) => {
    const body = ["GET", "HEAD", "TRACE"].includes(request.method) ? {} : { body: value.write };
    return { name: `${request.method} ${request.path}`, ...request, ...body };
  });

/** Requests that an HTTP client library can send, to every dialect. */
export const brokenRequest: fc.Arbitrary<HostileRequest> = fc.oneof(
  { weight: 6, arbitrary: oneOf(fieldAttacks(allWorkerRoutes).flatMap(({ small }) => small)).map(withCanary) },
  { weight: 1, arbitrary: oneOf(wrongMethods(allWorkerRoutes)) },
  { weight: 1, arbitrary: oneOf(brokenBodies(allWorkerRoutes).filter(({ name }) => !name.includes("MB"))) },
  { weight: 3, arbitrary: lostRequest },
  { weight: 1, arbitrary: fc.constant(tooLarge()) },
);

/** Writes the canary as the prompt of a request. */
function withCanary(request: HostileRequest): HostileRequest {
  const { body } = request;
  return body === undefined
    ? request
    : { ...request, body: () => body().replace('"prompt":"1"', `"prompt":"${canary}"`) };
}

function tooLarge(): HostileRequest {
  const body = (): string => `{"prompt":"${"x".repeat(100_000)}"}`;
  return { name: "a large prompt", method: "POST", path: "/v1/jobs", body };
}

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
  fc
    .oneof(lostPath, oneOf(Object.values(allWorkerRoutes).map(({ path }) => path)))
    .map((path) => `POST ${path} HTTP/1.1`),
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
