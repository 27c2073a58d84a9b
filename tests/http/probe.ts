// Sends bytes that are not HTTP, and returns the answers as they are.
import { connect } from "node:net";

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const answerTimeoutMs = 120_000;

/** Sends over a separate connection. @returns undefined if it was closed without an answer */
export async function sendRaw(baseUrl: string, bytes: Uint8Array): Promise<Answer | undefined> {
  const { hostname, port } = new URL(baseUrl);
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.end(bytes));
    socket.setTimeout(answerTimeoutMs, () =>
      socket.destroy(new Error(`Neither answered nor closed in ${answerTimeoutMs} ms`)),
    );
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      // The worker closed the connection first; it may have answered before.
      if (error.code === "ECONNRESET" || error.code === "EPIPE") resolve(parseAnswer(Buffer.concat(chunks)));
      else reject(error);
    });
    socket.once("close", () => resolve(parseAnswer(Buffer.concat(chunks))));
  });
}

/** Parses the last answer of a connection: the bytes may contain several requests. */
function parseAnswer(bytes: Buffer): Answer | undefined {
  const raw = bytes.toString();
  const last = [...raw.matchAll(/HTTP\/1\.1 (\d{3}) /g)].at(-1);
  if (last === undefined) return undefined;
  const [head = "", ...rest] = raw.slice(last.index).split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  const contentType = /^content-type: *(.*)$/im.exec(head)?.[1]?.trim() ?? "";
  const chunked = /^transfer-encoding: *chunked/im.test(head);
  return { status: Number(last[1]), contentType, body: chunked ? unchunk(body) : body };
}

function unchunk(body: string): string {
  let text = "";
  let rest = Buffer.from(body);
  for (;;) {
    const lineEnd = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.subarray(0, Math.max(0, lineEnd)).toString(), 16);
    if (!(size > 0)) return text;
    text += rest.subarray(lineEnd + 2, lineEnd + 2 + size).toString();
    rest = rest.subarray(lineEnd + 2 + size + 2);
  }
}
