// Entry point of a thread that sends hostile pictures in several dialects. It is a separate thread so that its work does not delay the measurement of
// the honest streams. First it makes all requests; it sends them when the test says so.
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";
import { hostilePictures } from "@waggle/pictures/testing";
import { errorText } from "@waggle/testing/harness";
import { ask, type HostileAnswer, type HostileRequest } from "@waggle/testing/hostile";

export interface PictureCrowdOptions {
  readonly url: string;
  readonly model: string;
  /** Determines the corrupted files. */
  readonly seed: number;
  /** One in this many pictures is sent. */
  readonly share: number;
  /** Number of requests at once. */
  readonly clients: number;
  /** Time limit of one answer. */
  readonly timeoutMs: number;
}

/** Sent in this order: "ready", and after the test's message a result for each picture, and "over". */
export type PictureCrowdMessage = "ready" | "over" | PictureResult;

export interface PictureResult {
  readonly request: Pick<HostileRequest, "name" | "method" | "path">;
  readonly answer: HostileAnswer | undefined;
  /** Why there is no answer. */
  readonly failure: string | undefined;
  /** By the clock of the day. */
  readonly askedAt: number;
  readonly tookMs: number;
}

type Ask = (base64: string, model: string, stream: boolean) => { path: string; body: object };

const question = "What is this?";
const openAi: Ask = (base64, model, stream) => ({
  path: "/v1/chat/completions",
  body: {
    ...{ model, stream, max_tokens: 4 },
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: question },
          { type: "image_url", image_url: { url: `data:image/png;base64,${base64}` } },
        ],
      },
    ],
  },
});

/** Half of the pictures come as in OpenAI's chat. */
const dialects: readonly Ask[] = [
  openAi,
  (base64, model, stream) => ({
    path: "/v1/messages",
    body: {
      ...{ model, stream, max_tokens: 4 },
      messages: [
        {
          role: "user",
          content: [
            { type: "image", source: { type: "base64", media_type: "image/png", data: base64 } },
            { type: "text", text: question },
          ],
        },
      ],
    },
  }),
  openAi,
  (base64, model, stream) => ({
    path: "/api/chat",
    body: {
      ...{ model, stream, options: { num_predict: 4 } },
      messages: [{ role: "user", content: question, images: [base64] }],
    },
  }),
  openAi,
  (base64, model, stream) => ({
    path: "/v1/responses",
    body: {
      ...{ model, stream, max_output_tokens: 16 },
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: question },
            { type: "input_image", image_url: `data:image/png;base64,${base64}` },
          ],
        },
      ],
    },
  }),
];

const { url, model, seed, share, clients, timeoutMs } = workerData as PictureCrowdOptions;
const port = parentPort;
if (port === null) throw new Error("This file runs in a thread");
const send = (message: PictureCrowdMessage): void => port.postMessage(message);

function requestOf(bytes: Uint8Array, name: string, index: number): HostileRequest {
  const dialect = dialects[index % dialects.length] ?? openAi;
  const { path, body } = dialect(Buffer.from(bytes).toString("base64"), model, index % 4 < 2);
  const text = JSON.stringify(body);
  return { name: `${name} to ${path}`, method: "POST", path, body: () => text };
}

async function sendAll(requests: Iterator<HostileRequest>): Promise<void> {
  for (let next = requests.next(); next.done !== true; next = requests.next()) {
    const request = next.value;
    const { name, method, path } = request;
    const sentAt = performance.now();
    const result = await ask(url, request, { timeoutMs }).then(
      (answer) => ({ answer, failure: undefined }),
      (error: unknown) => ({ answer: undefined, failure: errorText(error) }),
    );
    send({
      request: { name, method, path },
      ...result,
      askedAt: performance.timeOrigin + sentAt,
      tookMs: performance.now() - sentAt,
    });
  }
}

const sample = [...hostilePictures(seed)].filter((_, index) => index % share === 0);
const requests = sample.map(({ name, bytes }, index) => requestOf(bytes, name, index)).values();
send("ready");
await once(port, "message");
await Promise.all(Array.from({ length: clients }, () => sendAll(requests)));
send("over");
process.exit();
