// Owns a collector of traces for tests: it receives OTLP in JSON over HTTP, with responses that the test sets.
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface OtlpReceiver {
  readonly url: string;
  readonly posts: readonly OtlpPost[];
  /** The status of posts from now on; `hang` never answers, `break` closes the connection. */
  answer(how: number | "hang" | "break"): void;
  /** Resolves after this number of posts in total. */
  received(posts: number): Promise<void>;
  /** Resolves with all spans of posts with status 200, when there are at least `count` spans. */
  spans(count: number): Promise<readonly OtlpSpan[]>;
  close(): Promise<void>;
}

export interface OtlpPost {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: OtlpBody;
}

export interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly scope: object; readonly spans: readonly OtlpSpan[] }[];
  }[];
}

export interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly status?: { readonly code: number };
}

export interface OtlpAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** Each attribute's value as text; the elements of a list are joined with commas. */
export function attributesOf({ attributes }: Pick<OtlpSpan, "attributes">): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, attributeText(value)]));
}

function attributeText(value: OtlpAttribute["value"]): string {
  const [inner] = Object.values(value);
  if (typeof inner !== "object" || inner === null || !("values" in inner)) return String(inner);
  return (inner.values as readonly OtlpAttribute["value"][]).map(attributeText).join(",");
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const posts: OtlpPost[] = [];
  const taken: OtlpSpan[] = [];
  let how: number | "hang" | "break" = 200;
  let waiting: (() => void)[] = [];

  const server = createServer((request, response) => void handle(request, response));
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as OtlpBody;
    posts.push({ path: request.url ?? "", headers: request.headers, body });
    if (how === 200) {
      taken.push(...body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)));
    }
    if (how === "break") request.socket.destroy();
    else if (how !== "hang") response.writeHead(how, { "content-type": "application/json" }).end("{}");
    for (const look of waiting) look();
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  function until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        waiting = waiting.filter((other) => other !== look);
        resolve();
      };
      waiting.push(look);
      look();
    });
  }

  return {
    url: `http://127.0.0.1:${port}`,
    posts,
    answer(next) {
      how = next;
    },
    received: (count) => until(() => posts.length >= count),
    async spans(count) {
      await until(() => taken.length >= count);
      return taken;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
