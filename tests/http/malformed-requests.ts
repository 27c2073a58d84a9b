// Makes malformed requests: hostile values in every field of every route, and paths, methods and headers that no route has.
import { allWorkerRoutes } from "@waggle/protocol";
import {
  brokenBodies,
  fieldAttacks,
  hostileStrings,
  smallValues,
  wrongMethods,
  type HostileRequest,
} from "@waggle/testing/hostile";
import fc from "fast-check";

/** Part of every prompt, so that tests can find answers and logs that repeat a prompt. */
export const canary = "c4n4ry-honey";

/** `constantFrom` takes no more values than a call has arguments. */
const oneOf = <T>(values: readonly T[]): fc.Arbitrary<T> =>
  fc.nat(values.length - 1).map((index) => values[index] as T);

/** encodeURIComponent throws at lone surrogates. */
const encoded = (value: string): string => encodeURIComponent(Buffer.from(value).toString());
const pathPart = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).map(encoded),
  oneOf(hostileStrings).map(encoded),
  fc.constantFrom("..", ".", "%ZZ", "%", "%E0%A4%A", "%2F%2e%2e", ":id", "*", "a".repeat(3_000), "~", "'\"<>"),
);
const lostPath = fc
  .tuple(
    fc.constantFrom("/v1/jobs/", "/v1/sessions/", "/v1/", "/", "//", "/v1//jobs/", "/api/", "/v1/messages/"),
    pathPart,
    fc.constantFrom("", "/stream", "?after", "?after=1&after=x", "?%", "?a[]=1"),
  )
  .map((parts) => parts.join(""));

const headerText = fc.oneof(
  fc.string({ maxLength: 60 }).map((value) => value.replaceAll(/[^\x20-\x7e]/g, "")),
  fc.constantFrom("", "null", "*", "a".repeat(4_000), "text/event-stream;q=0", "http://evil.example", "-1", "💥"),
);
const headerName = fc.constantFrom(
  ...["host", "origin", "accept", "content-type", "content-encoding", "last-event-id", "x-request-id"],
  ...["authorization", "cookie", "if-none-match", "range", "x-http-method-override", "x-session-id", "__proto__"],
);
const headers = fc
  .array(fc.tuple(headerName, headerText), { maxLength: 3 })
  .map((pairs) =>
    Object.fromEntries(pairs.map(([name, value]) => [name, Buffer.from(value).toString("latin1").trim()])),
  );
const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant("POST") },
  { weight: 3, arbitrary: fc.constantFrom("GET", "DELETE") },
  { weight: 2, arbitrary: fc.constantFrom("PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "QUERY") },
);

const lostRequest: fc.Arbitrary<HostileRequest> = fc
  .record({ method, path: lostPath, headers, value: oneOf(smallValues) })
  .map(({ value, ...request }) => {
    const body = ["GET", "HEAD", "TRACE"].includes(request.method) ? {} : { body: value.write };
    return { name: `${request.method} ${request.path}`, ...request, ...body };
  });

const tooLarge: HostileRequest = {
  ...{ name: "a large prompt", method: "POST", path: "/v1/jobs" },
  body: () => `{"prompt":"${"x".repeat(100_000)}"}`,
};

/** Requests that an HTTP client library can send, to every dialect. */
export const brokenRequest: fc.Arbitrary<HostileRequest> = fc.oneof(
  { weight: 6, arbitrary: oneOf(fieldAttacks(allWorkerRoutes).flatMap(({ small }) => small)).map(withCanary) },
  { weight: 1, arbitrary: oneOf(wrongMethods(allWorkerRoutes)) },
  { weight: 1, arbitrary: oneOf(brokenBodies(allWorkerRoutes).filter(({ name }) => !name.includes("MB"))) },
  { weight: 3, arbitrary: lostRequest },
  { weight: 1, arbitrary: fc.constant(tooLarge) },
);

/** Writes the canary as the prompt of a request. */
function withCanary(request: HostileRequest): HostileRequest {
  const { body } = request;
  return body === undefined
    ? request
    : { ...request, body: () => body().replace('"prompt":"1"', `"prompt":"${canary}"`) };
}
